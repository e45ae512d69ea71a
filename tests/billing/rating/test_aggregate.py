"""Aggregations: exact quantities by hand, and laws that hold for all readings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.aggregate import Reading, aggregate, level
from erp.base.periods import Period
from erp.catalogue.terms import Aggregation

D = Decimal
START = datetime(2026, 11, 1, tzinfo=UTC)


def a_reading(quantity: str, *, ends: int, minutes: int = 5, of: str = "I-1") -> Reading:
    """Return a reading that ends so many minutes after the start."""
    end = START + timedelta(minutes=ends)
    return Reading(D(quantity), end - timedelta(minutes=minutes), end, of)


READINGS = (
    a_reading("4", ends=20, minutes=15),
    a_reading("2", ends=5),
    a_reading("8", ends=15, of="I-2"),
    a_reading("1", ends=20, of="I-2"),
    a_reading("0", ends=10, of="I-3"),
)


@pytest.mark.parametrize(
    ("how", "quantity"),
    [
        (Aggregation.SUM, "15"),
        (Aggregation.MAX, "8"),
        (Aggregation.LAST, "5"),
        # (4 × 15 + 2 × 5 + 8 × 5 + 1 × 5) ÷ 35
        (Aggregation.AVERAGE, "3.285714286"),
        (Aggregation.UNIQUE, "2"),
        (Aggregation.PERCENTILE_95, "8"),
    ],
)
def test_readings_become_one_quantity(how: Aggregation, quantity: str) -> None:
    assert aggregate(READINGS, how) == D(quantity)


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (19, 19), (20, 19), (21, 20), (100, 95)])
def test_the_95th_percentile_leaves_out_the_highest_twentieth(count: int, rank: int) -> None:
    ones = [a_reading(str(number), ends=number) for number in range(count, 0, -1)]
    assert aggregate(ones, Aggregation.PERCENTILE_95) == rank


@st.composite
def readings(draw: st.DrawFn) -> list[Reading]:
    return [
        a_reading(
            str(draw(st.decimals(0, 10**6, places=3))),
            ends=draw(st.integers(1, 10_000)),
            minutes=draw(st.integers(1, 600)),
            of=draw(st.sampled_from(["I-1", "I-2", "I-3"])),
        )
        for _ in range(draw(st.integers(1, 30)))
    ]


@given(readings(), st.randoms())
def test_the_order_of_arrival_does_not_matter(found: list[Reading], chance: Random) -> None:
    shuffled = chance.sample(found, len(found))
    for how in Aggregation:
        assert aggregate(found, how) == aggregate(shuffled, how)


@given(readings())
def test_levels_lie_between_the_lowest_and_the_highest_reading(found: list[Reading]) -> None:
    low, high = min(one.quantity for one in found), max(one.quantity for one in found)
    assert aggregate(found, Aggregation.MAX) == high
    for how in (Aggregation.AVERAGE, Aggregation.PERCENTILE_95):
        assert low <= aggregate(found, how) <= high


@given(readings(), readings())
def test_sums_add_up(some: list[Reading], others: list[Reading]) -> None:
    both = aggregate([*some, *others], Aggregation.SUM)
    assert both == aggregate(some, Aggregation.SUM) + aggregate(others, Aggregation.SUM)


def test_a_level_is_of_each_month_and_of_the_share_in_which_the_service_existed() -> None:
    half, minute = START + timedelta(minutes=10), timedelta(minutes=1)
    parts = [
        (Period(START, half), D("0.5")),
        (Period(half, half + 10 * minute), D(1)),
        (Period(half + 10 * minute, half + 20 * minute), D(1)),
    ]
    # 2 × 0.5 and 8 × 1, each where it ends; in the third month nothing was measured.
    assert level(READINGS, Aggregation.MAX, parts) == D(9)
    assert level(READINGS, Aggregation.LAST, parts) == D(5)
    assert level((), Aggregation.MAX, parts) == 0
