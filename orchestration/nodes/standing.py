"""How a node stands, from what it told and what is taken of it: pure.

A promise that fails closes the node for new instances; it opens again when the promise is kept by
a margin, so that a node at the edge does not open and close all day.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

# Per cent that must be free; the second number is what opens again.
DISK_PER_CENT = (5, 8)
MEMORY_PER_CENT = (3, 6)
# Runnable processes for each processor: far beyond busy.
LOAD_PER_CPU = (16, 8)
CLOCK_MS = (60_000, 50_000)
# Of what is counted in bytes: all of it, what is free of it, and what should be.
_OF = {
    "disk": ("disk_bytes", "disk_free_bytes", DISK_PER_CENT[1]),
    "memory": ("memory_bytes", "memory_available_bytes", MEMORY_PER_CENT[1]),
}
PROMISES = "disk, memory, load and clock"
# A failure shorter than this opens no incident.
TOLERANCE = timedelta(minutes=2)


def failing(
    facts: Mapping[str, Any], clock_offset_ms: int | None, *, already: Collection[str] = ()
) -> dict[str, str]:
    """Return the promises that fail, with a message each.

    Args:
        already: those that failed before: they are kept again only by a margin.
    """
    found = {
        "disk": _short_of(facts, "disk", _limit(DISK_PER_CENT, "disk" in already)),
        "memory": _short_of(facts, "memory", _limit(MEMORY_PER_CENT, "memory" in already)),
        "load": _loaded(facts, _limit(LOAD_PER_CPU, "load" in already)),
        "clock": _wrong(clock_offset_ms, _limit(CLOCK_MS, "clock" in already)),
    }
    return {name: message for name, message in found.items() if message}


def _limit(limits: tuple[int, int], is_failing: bool) -> int:
    return limits[is_failing]


def _short_of(facts: Mapping[str, Any], what: str, least: int) -> str:
    total, free, per_cent = _OF[what]
    left, size = number(facts, free), number(facts, total)
    if left is None or not size or left * 100 >= size * least:
        return ""
    return f"{left * 100 // size} % of the {what} is free; {per_cent} % should be"


def _loaded(facts: Mapping[str, Any], most: int) -> str:
    load, cpus = number(facts, "load_per_cent"), number(facts, "cpus")
    if load is None or not cpus or load <= most * 100 * cpus:
        return ""
    return f"the load is {load // 100} on {cpus} processors; {LOAD_PER_CPU[1]} each is much"


def _wrong(offset: int | None, most: int) -> str:
    if offset is None or abs(offset) <= most:
        return ""
    return f"the clock is {in_words(offset)}"


def in_words(offset_ms: int) -> str:
    """Return how far a clock is from the Master's."""
    if abs(offset_ms) < 500:
        return "the same as the Master's"
    seconds = abs(offset_ms) / 1000
    size = f"{seconds:.1f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return f"{size} {'ahead of' if offset_ms > 0 else 'behind'} the Master's"


def full(facts: Mapping[str, Any], *, free_partitions: int, reserved_memory_bytes: int) -> str:
    """Return why the node holds no more, or nothing."""
    if free_partitions <= 0:
        return "it has no free partition"
    memory = number(facts, "memory_bytes")
    if memory is not None and reserved_memory_bytes >= memory:
        return "all its memory is promised"
    return ""


def number(facts: Mapping[str, Any], name: str) -> int | None:
    """Return a fact that a node told of itself, if it is what it should be."""
    value = facts.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value >= 0 else None
