"""Which files of the packages are judged: each content once, rare kinds of files first, so many of a package at most."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

PICTURES = "png jpg jpeg jpe jfif webp bmp dib tif tiff gif avif heic heif jp2 psd svg ico".split()
TABLES = "csv tsv".split()

# Larger files are samples of data, not tests of readers.
MOST_BYTES = 20_000_000
MOST_TABLE_BYTES = 2_000_000


@dataclass(frozen=True)
class Sample:
    """A file out of a package."""

    package: object
    path: Path
    # Within the package, with slashes.
    name: str

    def __str__(self):
        return f"{self.package.name}: {self.name}"

    @property
    def extension(self):
        return self.path.suffix[1:].lower()


def pictures(folders, takes_all):
    return choose(folders, PICTURES, MOST_BYTES, lambda package: package.pictures, takes_all)


def tables(folders, takes_all):
    return choose(folders, TABLES, MOST_TABLE_BYTES, lambda package: package.tables, takes_all)


def choose(folders, extensions, most_bytes, most, takes_all):
    chosen, seen = [], set()
    for package, folder in folders.items():
        if most(package):
            candidates = in_turn(unseen(package, folder, extensions, most_bytes, seen))
            chosen += candidates if takes_all else candidates[: most(package)]
    return chosen


def unseen(package, folder, extensions, most_bytes, seen):
    found = []
    for path in sorted(folder.rglob("*")):
        is_kind = path.suffix[1:].lower() in extensions and path.is_file() and not path.is_symlink()
        if is_kind and path.stat().st_size <= most_bytes:
            content = hashlib.sha256(path.read_bytes()).digest()
            if content not in seen:
                seen.add(content)
                found.append(Sample(package, path, path.relative_to(folder).as_posix()))
    return found


def in_turn(samples):
    """One of each extension, then the next of each. Within one, in an order that has nothing to do with names, under
    which series of files that differ little lie together."""
    queues = {}
    for sample in sorted(samples, key=lambda sample: hashlib.sha256(sample.name.encode()).digest()):
        queues.setdefault(sample.extension, []).append(sample)
    turns = []
    while any(queues.values()):
        turns += [queue.pop(0) for _, queue in sorted(queues.items()) if queue]
    return turns
