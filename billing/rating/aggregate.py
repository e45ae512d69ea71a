"""Readings of one meter become one quantity: the aggregations. Pure.

A sum is a flow: it adds up over time. The others are levels: a month has one, and a part of a
month in which the service existed has that part of it.

Source: docs/rating.md
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from erp.base.periods import Period
from erp.catalogue.terms import Aggregation, resolved


@dataclass(frozen=True, slots=True)
class Reading:
    """A quantity over [starts_at, ends_at) of one subject: the instance that was measured."""

    quantity: Decimal
    starts_at: datetime
    ends_at: datetime
    subject: str


def aggregate(readings: Sequence[Reading], how: Aggregation) -> Decimal:
    """Return the one quantity of at least one reading; their order does not matter."""
    return _BY_NAME[how](readings)


def _sum(readings: Sequence[Reading]) -> Decimal:
    return sum((one.quantity for one in readings), Decimal(0))


def _max(readings: Sequence[Reading]) -> Decimal:
    return max(one.quantity for one in readings)


def _last(readings: Sequence[Reading]) -> Decimal:
    """Return what was measured last, of all subjects at that moment."""
    end = max(one.ends_at for one in readings)
    return _sum([one for one in readings if one.ends_at == end])


def _average(readings: Sequence[Reading]) -> Decimal:
    """Return the mean weighed by how long each reading lasted."""
    lengths = [Period(one.starts_at, one.ends_at).seconds for one in readings]
    held = sum(
        (one.quantity * length for one, length in zip(readings, lengths, strict=True)), Decimal(0)
    )
    return resolved(held / sum(lengths))


def _unique(readings: Sequence[Reading]) -> Decimal:
    """Return how many subjects used anything."""
    return Decimal(len({one.subject for one in readings if one.quantity}))


def _percentile_95(readings: Sequence[Reading]) -> Decimal:
    """Return the smallest reading that at least 95 of 100 do not exceed (nearest rank)."""
    ordered = sorted(one.quantity for one in readings)
    rank = -(-len(ordered) * 95 // 100)
    return ordered[rank - 1]


_BY_NAME: Mapping[Aggregation, Callable[[Sequence[Reading]], Decimal]] = {
    Aggregation.SUM: _sum,
    Aggregation.MAX: _max,
    Aggregation.LAST: _last,
    Aggregation.AVERAGE: _average,
    Aggregation.UNIQUE: _unique,
    Aggregation.PERCENTILE_95: _percentile_95,
}


def level(
    readings: Sequence[Reading], how: Aggregation, shares: Sequence[tuple[Period, Decimal]]
) -> Decimal:
    """Return the levels of some months, each times the share of the month that is billed.

    Args:
        shares: the part of each month that is rated, and which share of the month it existed.
    """
    found = Decimal(0)
    for part, share in shares:
        # A reading belongs to where it ends, as its sample does.
        inside = [one for one in readings if part.start < one.ends_at <= part.end]
        if inside:
            found += aggregate(inside, how) * share
    return resolved(found)
