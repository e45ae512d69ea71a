"""Run programs with bounds: of time, of the largest file, and of the room that they take."""

import os
import resource
import subprocess
import time
from pathlib import Path

from failure import Failed

LARGEST_FILE = 1024 * 1024 * 1024
MOST_BYTES = 3 * LARGEST_FILE
LOOK_SECONDS = 0.5
TAIL_BYTES = 2000


class Bounds:
    """What all programs of one version may take together."""

    def __init__(self, place, log, until):
        self.place = place
        self.log = log
        self.until = until

    def left(self):
        """Return the seconds that are left.

        Raises:
            Failed: there are none.
        """
        left = self.until - time.monotonic()
        if left <= 0:
            raise Failed("fetching and installing took too long")
        return left

    def run(self, command, *, directory, environment, what):
        """Run a program to its end.

        Raises:
            Failed: it did not end well; `what` says what it should have done.
        """
        begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=limit,
            )
            try:
                code = self._wait(process)
            finally:
                process.kill()
                process.wait()
        if code:
            raise Failed(f"{what} failed: {self._last_line(begins)}")

    def _wait(self, process):
        """Wait, and look at the room taken: pip and git write many files, each of them small."""
        while True:
            try:
                return process.wait(min(LOOK_SECONDS, self.left()))
            except subprocess.TimeoutExpired:
                if size_of(self.place) > MOST_BYTES:
                    raise Failed(f"it takes more than {MOST_BYTES >> 30} GiB") from None

    def _last_line(self, begins):
        with self.log.open("rb") as log:
            log.seek(max(begins, self.log.stat().st_size - TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no word")


def limit():
    """Bound the largest file of a program that is about to start."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    most = LARGEST_FILE if hard == resource.RLIM_INFINITY else min(LARGEST_FILE, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def size_of(place):
    """Return the bytes of all files below a directory, as far as they stay."""
    total = 0
    for directory, _, names in os.walk(place):
        for name in names:
            try:
                total += os.lstat(Path(directory) / name).st_size
            except FileNotFoundError:
                continue
    return total
