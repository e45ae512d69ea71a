"""Usage as it is shown: sums per slot of time."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from erp.base.periods import Period

SLOTS = 48

_SUMS = """
SELECT meter, unit, least(width_bucket(
        extract(epoch FROM ends_at), extract(epoch FROM %(start)s::timestamptz),
        extract(epoch FROM %(end)s::timestamptz), %(slots)s), %(slots)s) AS slot, sum(quantity)
FROM orchestration_sample
WHERE line = %(line)s AND ends_at > %(start)s AND ends_at <= %(end)s
GROUP BY meter, unit, slot ORDER BY meter, slot
"""


@dataclass(frozen=True, slots=True)
class Series:
    """One meter over a period, in equal slots; None where nothing was measured."""

    meter: str
    unit: str
    total: Decimal
    points: list[tuple[str, Decimal | None]]


def series(*, line: int, period: Period) -> list[Series]:
    """Return each meter of a contract line over the period; one statement."""
    facts: dict[str, Any] = {"line": line, "start": period.start, "end": period.end, "slots": SLOTS}
    found: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, facts)
        for meter, unit, slot, quantity in cursor.fetchall():
            found[meter, unit][slot] = quantity
    return [
        Series(meter, unit, sum(slots.values(), Decimal(0)), _points(slots, period))
        for (meter, unit), slots in found.items()
    ]


def _points(slots: dict[int, Decimal], period: Period) -> list[tuple[str, Decimal | None]]:
    width: timedelta = (period.end - period.start) / SLOTS
    starts: list[datetime] = [period.start + width * number for number in range(SLOTS)]
    return [(f"{at:%d %b %H:%M}", slots.get(number + 1)) for number, at in enumerate(starts)]
