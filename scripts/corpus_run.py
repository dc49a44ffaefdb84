"""Runs a program on one file and keeps what it says; what takes too long counts as a hang."""

import subprocess
import time
from dataclasses import dataclass

HANG_SECONDS = 20


@dataclass
class Done:
    """How a program ended; `code` is None where it was stopped for taking too long."""

    code: object
    out: str
    err: str
    seconds: float

    def both(self):
        return self.out + self.err

    def summary(self):
        if self.code is None:
            return f"not done within {HANG_SECONDS} s"
        said = self.err.strip().splitlines() or ["nothing said"]
        return f"exit {self.code}: {said[-1][:200]}"


def run(command, folder):
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, timeout=HANG_SECONDS, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, encoding="utf-8", errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Done(None, "", "", HANG_SECONDS)
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - begun)
