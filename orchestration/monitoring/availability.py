"""How much of a period a service was available: pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from erp.base.periods import Period, merged
from erp.ports import Availability, Failing

# One change of a state, from the journal: when, from which, to which.
Move = tuple[datetime, str, str]


def judge(
    *,
    existed: Iterable[Period],
    stopped: Iterable[Period],
    unseen: Iterable[Period],
    failing: Iterable[Failing],
    planned: Iterable[Period] = (),
) -> Availability:
    """Return the seconds that count, and those of them in which a promise failed.

    What was stopped by agreement does not count, nor what was announced ahead; while the node
    could not be reached nobody knows, so that does not count either and is told separately.
    """
    whole = merged(existed)
    agreed = without(whole, stopped)
    wanted = without(agreed, planned)
    seen = without(wanted, unseen)
    counted = _within(seen, failing)
    return Availability(
        measured_seconds=seconds(seen),
        down_seconds=seconds(merged(one.period for one in counted)),
        unseen_seconds=seconds(wanted) - seconds(seen),
        stopped_seconds=seconds(whole) - seconds(agreed),
        failing=counted,
        planned_seconds=seconds(agreed) - seconds(wanted),
    )


def _within(seen: Sequence[Period], failing: Iterable[Failing]) -> list[Failing]:
    """Return the parts of the failures that lie in what was seen, oldest first."""
    parts = [
        Failing(common, one.promise, one.message)
        for one in failing
        for period in seen
        if (common := one.period.overlap(period))
    ]
    return sorted(parts, key=lambda one: (one.period, one.promise))


def without(periods: Iterable[Period], holes: Iterable[Period]) -> list[Period]:
    """Return the periods less the holes."""
    left = merged(periods)
    for hole in merged(holes):
        left = [part for period in left for part in _cut(period, hole)]
    return left


def _cut(period: Period, hole: Period) -> list[Period]:
    common = period.overlap(hole)
    if common is None:
        return [period]
    sides = ((period.start, common.start), (common.end, period.end))
    return [Period(start, end) for start, end in sides if start < end]


def seconds(periods: Iterable[Period]) -> Decimal:
    """Return the length of separate periods together."""
    return sum((period.seconds for period in periods), Decimal(0))


def times_in(
    states: Collection[str], *, moves: Sequence[Move], state: str, period: Period
) -> list[Period]:
    """Return when something was in one of the states.

    Args:
        moves: its moves from the period's start until now, oldest first.
        state: its state now.
    """
    found: list[Period] = []
    start = period.start
    was = moves[0][1] if moves else state
    for at, _, to in [*moves, (period.end, "", "")]:
        end = min(max(at, start), period.end)
        if was in states and start < end:
            found.append(Period(start, end))
        start, was = end, to
    return merged(found)
