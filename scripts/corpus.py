#!/usr/bin/env python3
"""Holds tryon against the test files of published image and CSV libraries, and prints what it reads otherwise than they do.

    python3 scripts/corpus.py [--cache DIR] [--profile release|dev] [--all]

Fetches the packages (once; some hundred MB), takes pictures and CSV files out of them, and judges what tryon makes of each:
pictures against what Pillow shows, CSV files against how Python's csv module reads them. Prints Markdown. It is no part of `cargo
test`, since it needs the package registries. Ends with 1 where something is wrong that `corpus_explained.py` does
not explain."""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import corpus_files
import corpus_packages
import corpus_pictures
import corpus_tables
from corpus_explained import explanation

ROOT = Path(__file__).resolve().parent.parent


def main():
    options = arguments()
    cache = options.cache.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    try:
        viewer = corpus_packages.viewer_python(cache)
        folders = corpus_packages.fetch_all(cache)
    except corpus_packages.NotFetched as problem:
        sys.exit(f"error: {problem}")
    tryon, judge_picture = build(options.profile)
    with tempfile.TemporaryDirectory(prefix="corpus-") as scratch:
        scratch = Path(scratch).resolve()
        tables = corpus_tables.judge(corpus_files.tables(folders, options.all), tryon, scratch)
        pictures = corpus_pictures.judge(corpus_files.pictures(folders, options.all), tryon, judge_picture, viewer, scratch)
    wrong = report("Pictures", [(sample, wrong) for sample, _, _, wrong in pictures])
    wrong += report("CSV files", [(sample, wrong) for sample, _, wrong in tables])
    sys.exit(1 if wrong else 0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path.home() / ".cache" / "tryon-corpus"
    parser.add_argument("--cache", type=Path, default=default, metavar="DIR", help="where packages are kept (%(default)s)")
    parser.add_argument("--profile", default="release", help="the Cargo profile that is judged (%(default)s)")
    parser.add_argument("--all", action="store_true", help="take all files of the packages, not so many of each at most")
    return parser.parse_args()


def build(profile):
    subprocess.run(
        ["cargo", "build", "--locked", "--quiet", "--profile", profile, "--bin", "tryon", "--example", "judge_picture"],
        cwd=ROOT, check=True,
    )
    target = ROOT / "target" / ("debug" if profile == "dev" else profile)
    return target / "tryon", target / "examples" / "judge_picture"


def report(title, judged):
    """Prints the figures and each file that is not as expected; gives how many of these are not explained."""
    explained = [(sample, wrong, explanation(sample, wrong)) for sample, wrong in judged if wrong]
    unexplained = [item for item in explained if not item[2]]
    print(f"## {title}\n\n| package | files | as expected | explained | wrong |\n|---|--:|--:|--:|--:|")
    counts = Counter(sample.package for sample, _ in judged)
    odd = Counter(sample.package for sample, _, _ in explained)
    bad = Counter(sample.package for sample, _, _ in unexplained)
    for package, count in counts.items():
        print(f"| {package} | {count} | {count - odd[package]} | {odd[package] - bad[package]} | {bad[package]} |")
    good = len(judged) - len(explained)
    print(f"| **together** | **{len(judged)}** | **{good}** | **{len(explained) - len(unexplained)}** | **{len(unexplained)}** |\n")
    for sample, wrong, _ in unexplained:
        print(f"- **wrong:** `{sample}`: {'; '.join(wrong)}")
    for reason in sorted({why for _, _, why in explained if why}):
        files = [f"`{sample}`" for sample, _, why in explained if why == reason]
        print(f"- {reason} ({len(files)}) {', '.join(files)}")
    print()
    return len(unexplained)


if __name__ == "__main__":
    main()
