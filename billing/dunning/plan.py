"""Which late invoice gets which step on which day. Pure.

An invoice takes the steps one after the other. A step is due so many days after the due date, and
never sooner after the step before it than the policy says: who was reminded late, because a
sweep was down or a dispute lasted, still has the whole time that the reminder named.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

LONGEST_FORECAST = 120


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy; positions rise with the days."""

    position: int
    days: int
    action: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing happens up to and with this day; None is until somebody ends it."""

    until_on: date | None = None

    def holds(self, on: date) -> bool:
        """Return whether nothing happens on this day."""
        return self.until_on is None or on <= self.until_on


@dataclass(frozen=True, slots=True)
class Late:
    """An open invoice with the steps that it took, each with its day."""

    invoice: int
    due_on: date
    done: Mapping[int, date]
    holds: Sequence[Hold] = ()

    def is_held(self, on: date) -> bool:
        """Return whether a dispute, a promise or an exemption holds on this day."""
        return any(one.holds(on) for one in self.holds)


def next_step(late: Late, steps: Sequence[Step]) -> Step | None:
    """Return the first step after the last one taken."""
    last = max(late.done, default=-1)
    return min(
        (one for one in steps if one.position > last), key=lambda one: one.position, default=None
    )


def day_of(late: Late, step: Step, steps: Sequence[Step]) -> date:
    """Return the first day on which a step may be taken, holds apart."""
    day = late.due_on + timedelta(days=step.days)
    if not late.done:
        return day
    last = max(late.done)
    before = next((one.days for one in steps if one.position == last), step.days)
    return max(day, late.done[last] + timedelta(days=max(step.days - before, 1)))


def due(late: Late, steps: Sequence[Step], on: date) -> Step | None:
    """Return the step that an invoice takes on a day, if any."""
    step = next_step(late, steps)
    if step is None or late.is_held(on) or on < day_of(late, step, steps):
        return None
    return step


def forecast(
    late: Sequence[Late], steps: Sequence[Step], first: date, last: date
) -> Iterator[tuple[date, int, Step]]:
    """Yield who would get what on which day if nobody paid: day, invoice, step.

    The days are at most `LONGEST_FORECAST` from the first.
    """
    running = list(late)
    end = min(last, first + timedelta(days=LONGEST_FORECAST))
    day = first
    while day <= end:
        for at, one in enumerate(running):
            step = due(one, steps, day)
            if step is not None:
                running[at] = replace(one, done={**one.done, step.position: day})
                yield day, one.invoice, step
        day += timedelta(days=1)
