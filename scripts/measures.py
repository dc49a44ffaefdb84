#!/usr/bin/env python3
"""Measures of the source, as ARCHITECTURE.md states them, at any commit: `scripts/measures.py [COMMIT…]`.

Lines and files are those of `src/` and `crates/` with their tests left out (`tests.rs`, `*_tests.rs`, `mod tests`).
"""

import re
import statistics
import subprocess
import sys


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def code_of(text: str) -> str:
    """A file without its tests and comments."""
    text = text.split("#[cfg(test)]\nmod tests", 1)[0]
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def sources(commit: str) -> dict[str, str]:
    """The code of every file of the library, by its path."""
    paths = git("ls-tree", "-r", "--name-only", commit, "src").split("\n")
    kept = [path for path in paths if path.endswith(".rs") and not re.search(r"(^|/)(tests|.*_tests)(\.rs|/)", path)]
    return {path: git("show", f"{commit}:{path}") for path in kept}


def deciding(files: dict[str, str], *signs: str) -> list[str]:
    """The files in which one of these words stands in code."""
    return sorted(path for path, text in files.items() if any(sign in code_of(text) for sign in signs))


def room_of(path: str) -> str:
    parts = path.split("/")
    return parts[1].removesuffix(".rs") if len(parts) == 2 else parts[1]


def circles_between_rooms(files: dict[str, str]) -> list[str]:
    """Pairs of rooms that import from each other, directly or by way of others."""
    uses: dict[str, set[str]] = {}
    rooms = {room_of(path) for path in files}
    for path, text in files.items():
        room = room_of(path)
        named = set(re.findall(r"\bcrate::(\w+)", code_of(text)))
        for group in re.findall(r"\buse crate::\{([^;]*)\};", code_of(text)):
            named |= set(re.findall(r"(?:^|[,{]\s*)(\w+)", group))
        uses.setdefault(room, set()).update((named & rooms) - {room})

    def reaches(start: str, goal: str) -> bool:
        seen, left = set(), [start]
        while left:
            for used in uses.get(left.pop(), set()):
                if used == goal:
                    return True
                if used not in seen:
                    seen.add(used)
                    left.append(used)
        return False

    edges = [(room, used) for room, all_used in uses.items() for used in all_used]
    return sorted(f"{room} → {used}" for room, used in edges if room not in ("main", "lib") and reaches(used, room))


def measure(commit: str) -> None:
    files = sources(commit)
    lines = sorted((text.count("\n"), path) for path, text in files.items())
    print(f"{git('log', '-1', '--format=%h %s', commit).strip()}")
    print(f"  files {len(files)}, lines {sum(count for count, _ in lines)}")
    print(f"  median file {statistics.median(count for count, _ in lines):.0f} lines, largest {lines[-1][0]} ({lines[-1][1]})")
    for what, signs in (
        ("decide what `over the cap` (1303) means", ("OverCap", "1303")),
        ("know the option --doubt-age or, before it, --poll-interval", ("poll_interval", "poll-interval")),
        ("name a path of a file system in the engine", ("PathBuf", "&Path", "std::path", "std::fs")),
        ("name the back end of the queue outside it", ("SqliteQueue", "QueueReader", "rusqlite")),
    ):
        found = deciding(files, *signs)
        if "engine" in what:
            found = [path for path in found if re.match(r"src/(engine|runner)/", path)]
        if "back end" in what:
            found = [path for path in found if not path.startswith("src/queue/")]
        print(f"  {len(found)} files {what}:")
        print(f"      {' '.join(path.removeprefix('src/') for path in found)}")
    circles = circles_between_rooms(files)
    print(f"  {len(circles)} imports between rooms lie on a circle: {', '.join(circles)}")


for commit in sys.argv[1:] or ["HEAD"]:
    measure(commit)
