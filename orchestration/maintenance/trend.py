"""Where a straight line through the past leads: pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

Point = tuple[datetime, int]

# Fewer readings, or a shorter past, say nothing about the future.
FEWEST = 4
SHORTEST = timedelta(days=1)
FARTHEST = timedelta(days=365)


def slope(points: Sequence[Point]) -> float | None:
    """Return the change per second by least squares; None when the past is too short."""
    if len(points) < FEWEST or points[-1][0] - points[0][0] < SHORTEST:
        return None
    start = points[0][0]
    xs = [(at - start).total_seconds() for at, _ in points]
    ys = [float(value) for _, value in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - mean_x) ** 2 for x in xs)
    if not spread:
        return None
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / spread


def reaches(points: Sequence[Point], limit: int) -> timedelta | None:
    """Return how long after the newest reading the line reaches the limit, from below.

    None when it never does, or not within a year. The line goes through the newest reading: what
    was freed yesterday counts at once.
    """
    per_second = slope(points)
    if per_second is None or per_second <= 0:
        return None
    newest = points[-1][1]
    seconds = max((limit - newest) / per_second, 0.0)
    return timedelta(seconds=seconds) if seconds <= FARTHEST.total_seconds() else None


def in_days(length: timedelta) -> str:
    """Return `12 days`, `1 day`, `less than a day`."""
    count = length // timedelta(days=1)
    if count < 1:
        return "less than a day"
    return f"{count} day{'s' if count != 1 else ''}"
