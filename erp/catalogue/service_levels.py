"""What is given back when a service was less available than agreed. Pure.

A level is a list of steps, the highest availability first: below 99.9 % of the month a tenth of
its base price is given back, below 99 % a quarter.

Source: docs/service-credits.md
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from erp.base.errors import DomainError

MOST_STEPS = 10


class BadLevel(DomainError):
    """The steps of a service level contradict themselves."""

    code = "bad_service_level"
    status = 422


@dataclass(frozen=True, slots=True)
class Step:
    """Below this availability, in percent, this percentage of the base price is given back."""

    below: Decimal
    percent: Decimal


def read(written: Sequence[Sequence[str]]) -> tuple[Step, ...]:
    """Return the steps that are kept as pairs of texts.

    Raises:
        BadLevel: says what can be.
    """
    steps = tuple(_step(one) for one in written)
    if len(steps) > MOST_STEPS:
        raise BadLevel(f"At most {MOST_STEPS} steps.")
    for high, low in itertools.pairwise(steps):
        if not (high.below > low.below and high.percent < low.percent):
            raise BadLevel("From the highest availability down, each step gives back more.")
    return steps


def _step(pair: Sequence[str]) -> Step:
    try:
        below, percent = (Decimal(str(one).strip()) for one in pair)
    except (InvalidOperation, ValueError) as error:
        raise BadLevel("A step is: below which availability; how much is given back.") from error
    if not (below.is_finite() and percent.is_finite() and 0 < below <= 100 and 0 < percent <= 100):
        raise BadLevel("Availability and what is given back are percentages above 0, at most 100.")
    return Step(below, percent)


def written(steps: Iterable[Step]) -> list[list[str]]:
    """Return what `read` reads."""
    return [[f"{one.below.normalize():f}", f"{one.percent.normalize():f}"] for one in steps]


def missed(steps: Iterable[Step], share: Decimal) -> Step | None:
    """Return the lowest step that an availability of 0 to 1 is below, if it is below any."""
    found = [one for one in steps if share * 100 < one.below]
    return min(found, key=lambda one: one.below, default=None)
