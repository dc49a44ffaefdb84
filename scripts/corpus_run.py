"""Runs a program on one file and keeps what it says; what takes too long counts as a hang."""

import resource
import signal
import subprocess
from dataclasses import dataclass

# Of the processor's time, so that a busy machine makes nothing a hang; and of anybody's.
HANG_SECONDS = 20
MOST_SECONDS = 120


@dataclass
class Done:
    """How a program ended; `code` is None where it was stopped for taking too long."""

    code: object
    out: str
    err: str

    def both(self):
        return self.out + self.err

    def summary(self):
        if self.code is None:
            return f"not done within {HANG_SECONDS} s of the processor's time"
        said = self.err.strip().splitlines() or ["nothing said"]
        return f"exit {self.code}: {said[-1][:200]}"


def run(command, folder):
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=folder, timeout=MOST_SECONDS, preexec_fn=limit_time, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, encoding="utf-8", errors="replace",
        )
    except subprocess.TimeoutExpired:
        return Done(None, "", "")
    is_hang = done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    return Done(None if is_hang else done.returncode, done.stdout, done.stderr)


def limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (HANG_SECONDS, HANG_SECONDS + 1))
