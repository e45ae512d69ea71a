"""Working time is counted in local windows, in real seconds, and never on holidays."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erp.desk.clock import ALWAYS, BadHours, after, as_hours, read_week, worked, written

WEEK = {day: ["09:00-12:00", "13:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
PARIS = as_hours("Europe/Paris", WEEK, ["2026-12-25"])
HOUR = 3600


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Paris is an hour ahead of UTC in winter; 30 November 2026 is a Monday.
@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-11-30T08:00", 1, "2026-11-30T09:00"),
        ("2026-11-30T08:00", 3, "2026-11-30T11:00"),
        ("2026-11-30T10:30", 1, "2026-11-30T12:30"),
        ("2026-11-30T15:30", 1, "2026-12-01T08:30"),
        ("2026-11-30T03:00", 7, "2026-11-30T16:00"),
        ("2026-12-04T15:00", 2, "2026-12-07T09:00"),
        ("2026-12-24T15:30", 1, "2026-12-28T08:30"),
        ("2026-11-28T12:00", 1, "2026-11-30T09:00"),
    ],
)
def test_a_deadline_passes_nights_pauses_weekends_and_holidays(
    start: str, hours: int, due: str
) -> None:
    assert after(at(start), hours * HOUR, PARIS) == at(due)
    assert worked(at(start), at(due), PARIS) == hours * HOUR


def test_a_clock_that_always_runs_counts_every_second() -> None:
    start = at("2026-11-28T23:59:30")

    assert after(start, 90_000, ALWAYS) == start + timedelta(seconds=90_000)
    assert worked(start, start + timedelta(days=3), ALWAYS) == 3 * 86_400


def test_the_night_of_the_clock_change_has_an_hour_less() -> None:
    whole_day = as_hours("Europe/Paris", {"sun": ["00:00-24:00"]}, [])

    assert worked(at("2026-03-28T12:00"), at("2026-03-30T12:00"), whole_day) == 23 * HOUR
    assert worked(at("2026-10-24T12:00"), at("2026-10-26T12:00"), whole_day) == 25 * HOUR


def test_time_that_runs_backwards_is_no_work() -> None:
    assert worked(at("2026-11-30T12:00"), at("2026-11-30T08:00"), PARIS) == 0


def test_a_deadline_out_of_sight_is_none() -> None:
    rare = as_hours("UTC", {"mon": ["09:00-09:01"]}, [])

    assert after(at("2026-11-30T08:00"), 1000 * HOUR, rare) is None


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001
    seconds=st.integers(1, 400 * HOUR),
    pause=st.integers(0, 30 * 86_400),
)
def test_a_deadline_is_so_much_working_time_away(start: datetime, seconds: int, pause: int) -> None:
    begins = start.replace(tzinfo=UTC, microsecond=0)
    due = after(begins, seconds, PARIS)

    assert due is not None
    assert worked(begins, due, PARIS) == seconds
    middle = begins + timedelta(seconds=pause)
    assert worked(begins, middle, PARIS) + worked(middle, max(due, middle), PARIS) == max(
        seconds, worked(begins, middle, PARIS)
    )


def test_hours_are_read_as_they_are_written() -> None:
    text = "mon 09:00-12:00 13:00-17:00\nsat 10:00-24:00"

    week = read_week("  SAT 10:00-24:00\n\nmon 09:00-12:00 13:00-17:00\n")

    assert week == {"mon": ["09:00-12:00", "13:00-17:00"], "sat": ["10:00-24:00"]}
    assert written(week) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "at least one day"),
        ("mon", "mon"),
        ("someday 09:00-17:00", "someday"),
        ("mon 09:00-17:00\nmon 18:00-19:00", "mon"),
        ("mon 17:00-09:00", "17:00-09:00"),
        ("mon 09:00-12:00 11:00-13:00", "11:00-13:00"),
        ("mon 9-17", "9-17"),
        ("mon 09:00-25:00", "09:00-25:00"),
        ("mon 09:00-24:30", "09:00-24:30"),
    ],
)
def test_hours_that_cannot_be_read_are_named(text: str, named: str) -> None:
    with pytest.raises(BadHours, match=named):
        read_week(text)
