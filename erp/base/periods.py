"""Time as half-open UTC intervals: neighbours share a boundary and never a second."""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """[start, end) in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        assert self.start.tzinfo is not None and self.end.tzinfo is not None, "times carry a zone"
        assert self.start < self.end, "a period ends after it starts"

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"

    @property
    def seconds(self) -> Decimal:
        """Return the length, exact to the microsecond."""
        length = self.end - self.start
        whole = Decimal(length.days * 86400 + length.seconds)
        return whole + Decimal(length.microseconds).scaleb(-6)

    def overlap(self, other: "Period") -> "Period | None":
        """Return the common part, if any."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None

    def share_of(self, whole: "Period") -> Decimal:
        """Return which part of `whole` this period covers: 0 to 1, by the second."""
        common = self.overlap(whole)
        return common.seconds / whole.seconds if common else Decimal(0)


def merged(periods: Iterable[Period]) -> list[Period]:
    """Return the same seconds as separate periods in order, neighbours joined."""
    result: list[Period] = []
    for period in sorted(periods):
        if result and period.start <= result[-1].end:
            last = result.pop()
            period = Period(last.start, max(last.end, period.end))
        result.append(period)
    return result


def month_of(moment: datetime) -> Period:
    """Return the calendar month in UTC that holds the moment."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Period(start, add_months(start, 1, anchor=1))


def add_months(moment: datetime, count: int, *, anchor: int) -> datetime:
    """Return the same time of day `count` months on, on day `anchor` or the month's last day.

    The anchor is kept: 31 January, 28 February, 31 March.
    """
    months = moment.year * 12 + moment.month - 1 + count
    year, month = divmod(months, 12)
    day = min(anchor, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def days(count: int) -> timedelta:
    """Return a length of so many times 24 hours."""
    return timedelta(days=count)
