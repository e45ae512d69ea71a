"""A window comes at the hour of the wall, whatever the clocks are set to."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from erp.base.periods import Period
from orchestration.windows.recurrence import Rule, times


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def starts(rule: Rule, after: datetime, until: datetime) -> list[datetime]:
    return [one.start for one in times(rule, after=after, until=until)]


def test_every_sunday_at_three_stays_at_three_when_the_clocks_change() -> None:
    rule = Rule(6, 3, 0, "Europe/Paris", None, 120)
    assert starts(rule, utc(2026, 10, 15), utc(2026, 11, 5)) == [
        utc(2026, 10, 18, 1),
        utc(2026, 10, 25, 2),
        utc(2026, 11, 1, 2),
    ]


def test_an_hour_that_is_left_out_comes_an_hour_later_and_one_that_comes_twice_is_the_first() -> (
    None
):
    rule = Rule(6, 2, 30, "Europe/Paris", None, 60)
    assert starts(rule, utc(2026, 3, 28), utc(2026, 3, 30)) == [utc(2026, 3, 29, 1, 30)]
    assert starts(rule, utc(2026, 10, 24), utc(2026, 10, 26)) == [utc(2026, 10, 25, 0, 30)]


def test_a_window_that_comes_once_comes_once() -> None:
    start = utc(2026, 11, 3, 4)
    rule = Rule(None, 0, 0, "UTC", start, 30)
    assert times(rule, after=utc(2026, 11, 1), until=utc(2026, 12, 1)) == [
        Period(start, start + timedelta(minutes=30))
    ]
    assert starts(rule, start, utc(2026, 12, 1)) == []
    assert starts(rule, utc(2026, 11, 1), start - timedelta(seconds=1)) == []


@given(
    weekday=st.integers(0, 6),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns", "Pacific/Apia"]),
    offset=st.integers(0, 400 * 24),
    parts=st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_asking_in_pieces_finds_each_time_once(
    weekday: int, hour: int, zone: str, offset: int, parts: list[int]
) -> None:
    rule = Rule(weekday, hour, 0, zone, None, 60)
    begin = utc(2026, 1, 1) + timedelta(hours=offset)
    whole = starts(rule, begin, begin + timedelta(days=sum(parts)))
    found: list[datetime] = []
    at = begin
    for length in parts:
        found += starts(rule, at, at + timedelta(days=length))
        at += timedelta(days=length)
    assert found == whole
    assert all(a < b for a, b in itertools.pairwise(whole))
