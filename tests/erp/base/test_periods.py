"""Half-open time: neighbours share a boundary and never a second."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from erp.base.periods import Period, add_months, merged, month_of

# Hypothesis wants the bounds without a zone.
FIRST, LAST = datetime(2020, 1, 1), datetime(2030, 1, 1)  # noqa: DTZ001
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
periods = st.builds(
    lambda start, seconds: Period(start, start + timedelta(seconds=seconds)),
    moments,
    st.integers(1, 10**7),
)


@given(moments)
def test_months_tile_time(moment: datetime) -> None:
    month = month_of(moment)

    assert moment in month
    assert month_of(month.end).start == month.end
    assert month.overlap(month_of(month.end)) is None


@given(periods, periods)
def test_overlap_is_the_same_both_ways_and_inside_both(one: Period, other: Period) -> None:
    common = one.overlap(other)

    assert common == other.overlap(one)
    if common:
        assert max(one.start, other.start) == common.start
        assert common.end <= min(one.end, other.end)


@given(periods, st.integers(1, 99))
def test_parts_of_a_period_are_shares_that_add_up(whole: Period, percent: int) -> None:
    cut = whole.start + (whole.end - whole.start) * percent / 100
    if not whole.start < cut < whole.end:
        return
    first, second = Period(whole.start, cut), Period(cut, whole.end)

    assert first.seconds + second.seconds == whole.seconds
    assert abs(first.share_of(whole) + second.share_of(whole) - 1) < Decimal("1e-20")


@given(st.lists(periods, max_size=8))
def test_merging_keeps_every_moment_and_leaves_gaps(some: list[Period]) -> None:
    joined = merged(some)

    assert all(any(one.start in other for other in joined) for one in some)
    assert all(one.end < two.start for one, two in pairwise(joined))
    assert merged(joined) == joined


def test_the_anchor_of_a_month_is_kept() -> None:
    start = datetime(2026, 1, 31, 9, tzinfo=UTC)

    days = [add_months(start, count, anchor=31).day for count in range(4)]

    assert days == [31, 28, 31, 30]
