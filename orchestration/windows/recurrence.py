"""When a window comes: pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from erp.base.periods import Period

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST = 60


@dataclass(frozen=True, slots=True)
class Rule:
    """Every week at an hour of a zone, or once."""

    weekday: int | None
    hour: int
    minute: int
    zone: str
    starts_at: datetime | None
    duration_minutes: int

    def __str__(self) -> str:
        length = f"{self.duration_minutes} minutes"
        if self.weekday is None:
            assert self.starts_at is not None, "a window comes every week or once"
            return f"once, {self.starts_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, for {length}"
        day = WEEKDAYS[self.weekday]
        return f"every {day} at {self.hour:02}:{self.minute:02} ({self.zone}), for {length}"


def times(rule: Rule, *, after: datetime, until: datetime) -> list[Period]:
    """Return the times that begin in (after, until], in order.

    The hour is that of the wall: over a change of the clocks the hour stays and its place in UTC
    moves. An hour that the change leaves out comes an hour later; of one that comes twice, the
    first is taken.
    """
    length = timedelta(minutes=rule.duration_minutes)
    if rule.weekday is None:
        assert rule.starts_at is not None, "a window comes every week or once"
        start = rule.starts_at.astimezone(UTC)
        return [Period(start, start + length)] if after < start <= until else []
    zone = ZoneInfo(rule.zone)
    day = after.astimezone(zone).date()
    day += timedelta(days=(rule.weekday - day.weekday()) % 7)
    found: list[Period] = []
    while len(found) < MOST:
        wall = datetime(day.year, day.month, day.day, rule.hour, rule.minute, tzinfo=zone)
        start = wall.astimezone(UTC)
        if start > until:
            break
        if start > after:
            found.append(Period(start, start + length))
        day += timedelta(days=7)
    return found
