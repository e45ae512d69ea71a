"""On which days money moves between banks (TARGET), and which file says what. Pure.

Source: European Central Bank, TARGET Services, closing days: weekends, 1 January, Good Friday,
Easter Monday, 1 May, 25 and 26 December.
"""

from collections.abc import Sequence
from datetime import date, timedelta

_CLOSED = {(1, 1), (5, 1), (12, 25), (12, 26)}
# A mandate that was not used for so long is void (SEPA Core rulebook, 4.1).
MONTHS_OF_LIFE = 36


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def is_open(day: date) -> bool:
    """Return whether banks move money on a day."""
    sunday = easter(day.year)
    moving = {sunday - timedelta(days=2), sunday + timedelta(days=1)}
    return day.weekday() < 5 and (day.month, day.day) not in _CLOSED and day not in moving


def next_open(day: date) -> date:
    """Return the day itself, or the next one on which banks move money."""
    while not is_open(day):
        day += timedelta(days=1)
    return day


def void_before(day: date) -> date:
    """Return the day: a mandate last used before it is void."""
    years, months = divmod(MONTHS_OF_LIFE, 12)
    assert not months, "whole years"
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return date(day.year - years, day.month, last)


def sequences(kind: str, *, is_last: bool, is_used: bool, count: int) -> Sequence[str]:
    """Return the sequence types of so many debits of one mandate on one day.

    Only the first ever is FRST and only the last of a final mandate is FNAL.
    """
    if kind == "one_off":
        return ["OOFF"][:count]
    found = ["RCUR"] * count
    if count and not is_used:
        found[0] = "FRST"
    if count and is_last:
        found[-1] = "FNAL"
    return found
