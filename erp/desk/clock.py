"""Working time: when so many working seconds have passed, and how many passed between two moments.

Pure: hours of a week in a time zone and holidays in, moments out. A window is cut at local clock
times and measured in real seconds, so a day on which the clocks change has an hour more or less.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from erp.base.errors import DomainError
from erp.base.periods import Period

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60
MOST_WINDOWS = 6
# A deadline further away than this is none: the calendar has hardly any hours.
FURTHEST_DAYS = 3 * 366
_WINDOW = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")

Window = tuple[int, int]


class BadHours(DomainError):
    """These hours cannot be read."""

    code = "bad_hours"
    status = 422


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody works: per weekday the windows in minutes of the day, never on holidays."""

    zone: str
    week: tuple[tuple[Window, ...], ...]
    holidays: frozenset[date] = frozenset()

    def windows(self, day: date) -> Iterator[Period]:
        """Yield the working time of a local day in its order, in UTC."""
        if day in self.holidays:
            return
        zone = ZoneInfo(self.zone)
        for start, end in self.week[day.weekday()]:
            first, last = _moment(day, start, zone), _moment(day, end, zone)
            if first < last:
                yield Period(first, last)

    def from_day_of(self, at: datetime) -> Iterator[Period]:
        """Yield working time from the local day of a moment on, for a bounded time."""
        day = at.astimezone(ZoneInfo(self.zone)).date()
        for number in range(FURTHEST_DAYS):
            yield from self.windows(day + timedelta(days=number))


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minute, MINUTES_A_DAY)
    local = datetime.combine(day + timedelta(days=days), time(*divmod(rest, 60)), tzinfo=zone)
    return local.astimezone(ZoneInfo("UTC"))


ALWAYS = Hours("UTC", ((((0, MINUTES_A_DAY)),),) * 7)


def after(start: datetime, seconds: int, hours: Hours) -> datetime | None:
    """Return when so many working seconds have passed; None when that is out of sight."""
    left = timedelta(seconds=seconds)
    for window in hours.from_day_of(start):
        begins = max(window.start, start)
        if begins + left <= window.end and begins < window.end:
            return begins + left
        left -= max(window.end - begins, timedelta(0))
    return None


def worked(start: datetime, end: datetime, hours: Hours) -> int:
    """Return how many working seconds lie between two moments; none when they are reversed."""
    total = timedelta(0)
    for window in hours.from_day_of(start):
        if window.start >= end:
            break
        total += max(min(window.end, end) - max(window.start, start), timedelta(0))
    return int(total.total_seconds())


def read_week(text: str) -> dict[str, list[str]]:
    """Return `mon 09:00-12:00 13:00-17:30` and more lines as they are stored.

    Raises:
        BadHours: names the line that cannot be read.
    """
    week: dict[str, list[str]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        day, *windows = line.lower().split()
        if day not in DAYS or day in week or not windows:
            raise BadHours(f"“{line[:60]}”: write a day once, such as mon 09:00-17:30.")
        week[day] = windows
        _windows(day, windows)
    if not week:
        raise BadHours("Write at least one day: without hours no clock would run.")
    return {day: week[day] for day in DAYS if day in week}


def written(week: Mapping[str, Sequence[str]]) -> str:
    """Return stored hours as `read_week` reads them."""
    return "\n".join(" ".join([day, *week[day]]) for day in DAYS if day in week)


def as_hours(zone: str, week: Mapping[str, Sequence[str]], holidays: Sequence[str]) -> Hours:
    """Return stored hours as the clock counts them."""
    days = tuple(_windows(day, week.get(day, ())) for day in DAYS)
    return Hours(zone, days, frozenset(map(date.fromisoformat, holidays)))


def _windows(day: str, texts: Sequence[str]) -> tuple[Window, ...]:
    found: list[Window] = []
    for text in texts:
        match = _WINDOW.fullmatch(text)
        numbers = list(map(int, match.groups())) if match else [0] * 4
        start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
        last = found[-1][1] if found else 0
        if not (last <= start < end <= MINUTES_A_DAY) or len(found) >= MOST_WINDOWS:
            raise BadHours(f"{day} {text[:20]}: windows are like 09:00-17:30, one after another.")
        found.append((start, end))
    return tuple(found)
