"""Waiting for a condition, with an end."""

import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait until the condition holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process runs (one that ended and was not buried does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
