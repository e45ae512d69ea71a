"""Usage as it is shown: sums per slot of time, from the coarsest table that knows them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Slots are counted from a Monday in UTC: hours, days and weeks begin where people expect it.
_ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of time until now, in whole slots of one width; `form` writes a slot's start."""

    slots: int
    width: timedelta
    form: str


RANGES: Mapping[str, Range] = {
    "hour": Range(60, timedelta(minutes=1), "%H:%M"),
    "day": Range(24, HOUR, "%d %b %H:%M"),
    "month": Range(31, DAY, "%d %b"),
    "year": Range(53, timedelta(weeks=1), "%d %b %Y"),
}

_FROM_SAMPLES = """
SELECT meter, unit, ceil(extract(epoch FROM ends_at - %(start)s) / %(width)s)::int AS slot,
    sum(quantity), max(accuracy)
FROM orchestration_sample
WHERE line = %(line)s AND ends_at > %(start)s AND ends_at <= %(end)s
GROUP BY 1, 2, 3 ORDER BY 1, 3
"""
_FROM_SUMS = """
SELECT meter, unit, floor(extract(epoch FROM starts_at - %(start)s) / %(width)s)::int + 1 AS slot,
    sum(quantity), max(accuracy)
FROM orchestration_usagesum
WHERE line = %(line)s AND hours = %(hours)s AND starts_at >= %(start)s AND starts_at < %(end)s
GROUP BY 1, 2, 3 ORDER BY 1, 3
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One meter over a range, in equal slots; None where nothing was measured.

    `accuracy` is how the last of it was counted, as the node says it.
    """

    meter: str
    unit: str
    total: Decimal
    accuracy: str
    points: list[tuple[str, Decimal | None]]


def series(*, line: int, name: str, at: datetime) -> list[Series]:
    """Return each meter of a contract line over the range of this name; one statement."""
    shown = RANGES[name]
    # The running slot is the last one.
    end = _ORIGIN - (_ORIGIN - at) // shown.width * shown.width
    start = end - shown.slots * shown.width
    facts: dict[str, Any] = {
        "line": line,
        "start": start,
        "end": end,
        "width": int(shown.width.total_seconds()),
        "hours": 24 if shown.width >= DAY else 1,
    }
    found: dict[tuple[str, str], dict[int, tuple[Decimal, str]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_FROM_SAMPLES if shown.width < HOUR else _FROM_SUMS, facts)
        for meter, unit, slot, quantity, accuracy in cursor.fetchall():
            found[meter, unit][slot] = quantity, accuracy
    return [_series(key, slots, shown, start) for key, slots in found.items()]


def _series(
    key: tuple[str, str], slots: Mapping[int, tuple[Decimal, str]], shown: Range, start: datetime
) -> Series:
    starts = [start + shown.width * number for number in range(shown.slots)]
    points = [
        (format(at, shown.form), slots[number][0] if number in slots else None)
        for number, at in enumerate(starts, 1)
    ]
    total = sum((quantity for quantity, _ in slots.values()), Decimal(0))
    return Series(*key, total=total, accuracy=slots[max(slots)][1], points=points)
