"""Which published packages the corpus is taken from, and how they get here: by pip, npm and cargo as they are set up on
the machine. Packages are only unpacked; nothing in them is run.

What is done with their files is said in corpus.py."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

# Pictures are compared with what this release of Pillow shows.
PILLOW = "13.0.0"


@dataclass(frozen=True)
class Package:
    """A release of a package, and how many of its files are taken at most, so that no origin outweighs the others."""

    registry: str
    name: str
    version: str
    pictures: int = 0
    tables: int = 0

    def __str__(self):
        return f"{self.name} {self.version} ({self.registry})"


PACKAGES = [
    Package("PyPI", "pillow", "13.0.0", pictures=160),
    Package("PyPI", "thumbor", "7.8.0", pictures=60),
    Package("PyPI", "wand", "0.7.2", pictures=40),
    Package("PyPI", "pygame", "2.6.1", pictures=40),
    Package("PyPI", "scikit-image", "0.26.0", pictures=40),
    Package("PyPI", "pillow-heif", "1.8.1", pictures=20),
    Package("PyPI", "python-docx", "1.2.0", pictures=20),
    Package("PyPI", "reportlab", "5.1.0", pictures=20),
    Package("PyPI", "piexif", "1.1.3", pictures=17),
    Package("PyPI", "img2pdf", "0.6.3", pictures=9),
    Package("npm", "bmp-js", "0.1.0", pictures=26),
    Package("npm", "exif-parser", "0.1.12", pictures=2),
    Package("crates.io", "kamadak-exif", "0.6.2", pictures=6),
    Package("crates.io", "jpeg-decoder", "0.3.2", pictures=4),
    Package("crates.io", "tiff", "0.11.3", pictures=1),
    Package("PyPI", "frictionless", "5.21.0", pictures=10, tables=60),
    Package("PyPI", "csvkit", "2.2.0", tables=60),
    Package("PyPI", "agate", "1.14.2", tables=20),
    Package("PyPI", "astropy", "8.0.2", tables=10),
    Package("PyPI", "pyexcel", "0.7.6", tables=10),
    Package("PyPI", "statsmodels", "0.15.0", tables=20),
    Package("npm", "csv-spectrum", "2.0.0", tables=12),
    Package("npm", "papaparse", "5.7.1", tables=6),
    Package("npm", "vega-datasets", "3.2.1", tables=15),
    Package("crates.io", "csv", "1.4.0", tables=11),
]


class NotFetched(Exception):
    """A package did not come; the text is for people."""


def fetch_all(cache):
    """The folder of each package, fetched where the cache does not have it."""
    return {package: fetch(package, cache) for package in PACKAGES}


def fetch(package, cache):
    """The folder with a package's files."""
    registry = package.registry.replace(".", "-").lower()
    folder = cache / "packages" / f"{registry}-{package.name}-{package.version}"
    if not folder.exists():
        print(f"fetching {package}", file=sys.stderr, flush=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        client = {"PyPI": from_pypi, "npm": from_npm, "crates.io": from_crates_io}[package.registry]
        # Beside its place first: a fetch that was broken off leaves nothing that looks complete.
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            client(package, Path(scratch), cache).rename(folder)
    return folder


def viewer_python(cache):
    """A Python with Pillow in it, and without setuptools: see `from_pypi`."""
    home = cache / f"pillow-{PILLOW}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        shutil.rmtree(home, ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            run([sys.executable, "-m", "venv", home], scratch)
            pip = [python, "-m", "pip", "--disable-pip-version-check", "-q"]
            try:
                run([*pip, "install", "--only-binary", ":all:", f"pillow=={PILLOW}"], scratch)
                run([*pip, "uninstall", "-y", "setuptools"], scratch)
            except NotFetched:
                shutil.rmtree(home, ignore_errors=True)
                raise
    return python


def from_pypi(package, scratch, cache):
    """The source distribution, unpacked. pip would go on to ask the package's own build script for its metadata; where
    nothing that builds is installed it gives up before that, and leaves what it has unpacked."""
    wanted = f"{package.name}=={package.version}"
    options = ["--no-deps", "--no-binary", ":all:", "--no-clean", "--no-build-isolation"]
    pip = [viewer_python(cache), "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "download"]
    done = run([*pip, *options, wanted], scratch, may_fail=True, TMPDIR=str(scratch))
    unpacked = [path.parent for path in scratch.glob("pip-download-*/*/PKG-INFO")]
    if len(unpacked) != 1:
        raise NotFetched(reason(done, package))
    return unpacked[0]


def from_npm(package, scratch, _cache):
    """What `npm install` would unpack."""
    done = run(["npm", "pack", "--ignore-scripts", f"{package.name}@{package.version}"], scratch, may_fail=True)
    packed = list(scratch.glob("*.tgz"))
    if done.returncode != 0 or len(packed) != 1:
        raise NotFetched(reason(done, package))
    with tarfile.open(packed[0]) as archive:
        archive.extractall(scratch / "unpacked", filter="data")
    return scratch / "unpacked"


def from_crates_io(package, scratch, _cache):
    """The crate as `cargo vendor` lays it beside a project that needs it."""
    manifest = f'[package]\nname = "scratch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{package.name} = "={package.version}"\n'
    (scratch / "src").mkdir()
    (scratch / "src" / "lib.rs").touch()
    (scratch / "Cargo.toml").write_text(manifest)
    done = run(["cargo", "vendor", "--quiet", "vendor"], scratch, may_fail=True)
    unpacked = scratch / "vendor" / package.name
    if done.returncode != 0 or not unpacked.is_dir():
        raise NotFetched(reason(done, package))
    return unpacked


def run(command, folder, may_fail=False, **environment):
    """Runs a package client, and keeps what it says to itself."""
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, env={**os.environ, **environment}, timeout=900,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFetched(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0 and not may_fail:
        raise NotFetched(reason(done, command[-1]))
    return done


def reason(done, what):
    """What a client said last, and what to do."""
    said = done.stdout.strip().splitlines() or ["nothing"]
    return (
        f"{what} could not be fetched. The corpus is published packages, and needs their registries: "
        f"is this machine online? What {Path(done.args[0]).name} said: {said[-1].strip()}"
    )
