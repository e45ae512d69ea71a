"""Measure work in pairs, so that whatever slows the machine slows both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

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
