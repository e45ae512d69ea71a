"""Measure work in pairs, so that whatever slows the machine slows both."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison: seconds of ours and of the peer, medians over the rounds."""

    name: str
    ours: float
    peer: float
    peer_name: str
    aim: str

    @property
    def ratio(self) -> float:
        """Return how many times faster ours is; below 1 it is slower."""
        return self.peer / self.ours

    def __str__(self) -> str:
        return (
            f"{self.name:44} {self.ours * 1000:9.1f} ms   {self.peer_name:34} "
            f"{self.peer * 1000:9.1f} ms   {self.ratio:6.2f} ×   aim {self.aim}"
        )


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(
    name: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    peer_name: str,
    aim: str,
) -> Result:
    """Time both in turns; one round before is not counted."""
    ours(), peer()
    pairs = [(seconds(ours), seconds(peer)) for _ in range(ROUNDS)]
    mine, its = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Result(name, mine, its, peer_name, aim)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the wall, and of CPU in this process and in its session of PostgreSQL."""

    wall: float
    python: float
    database: float

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.wall + other.wall, self.python + other.python, self.database + other.database
        )

    @property
    def cpu(self) -> float:
        """Return the CPU of both together."""
        return self.python + self.database


def spent(work: Callable[[], object]) -> Spent:
    """Return what one call costs; the database must run on this machine."""
    before = _cpu_of_the_session()
    python = time.process_time()
    wall = seconds(work)
    python = time.process_time() - python
    return Spent(wall, python, _cpu_of_the_session() - before)


def _cpu_of_the_session() -> float:
    """Return the CPU that the process behind our session has had."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
