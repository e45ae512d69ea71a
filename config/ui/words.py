"""Amounts, moments and periods as people read them, in their language."""

from copy import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_datetime, format_timedelta
from django.utils import translation

from erp.base.money import exponent
from erp.base.periods import Period


def locale() -> Locale:
    """Return the reader's locale; a language that Babel does not know reads as English."""
    try:
        return Locale.parse(translation.get_language() or "en", sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")


def money(minor: int, currency: str) -> str:
    """Return minor units as `€1,234.56`, with every digit that the currency has."""
    exact = Decimal(minor).scaleb(-exponent(currency))
    here = locale()
    pattern = copy(here.currency_formats["standard"])
    pattern.frac_prec = (exponent(currency), exponent(currency))
    return str(pattern.apply(exact, here, currency=currency, currency_digits=False))


def exactly(moment: datetime) -> str:
    """Return `23 Nov 2026, 20:05:07 UTC`."""
    return f"{format_datetime(moment.astimezone(UTC), 'd MMM y, HH:mm:ss', locale=locale())} UTC"


def day(moment: datetime) -> str:
    """Return `23 Nov 2026`."""
    return str(format_datetime(moment.astimezone(UTC), "d MMM y", locale=locale()))


def relatively(moment: datetime, now: datetime) -> str:
    """Return `5 minutes ago`, `in 2 days`; beyond a month the day itself."""
    apart = moment - now
    if abs(apart) >= timedelta(days=31):
        return day(moment)
    if abs(apart) < timedelta(minutes=1):
        return "just now" if apart <= timedelta(0) else "in a moment"
    return str(format_timedelta(apart, add_direction=True, locale=locale(), threshold=1.5))


def period(value: Period) -> str:
    """Return whole months as `November 2026`, whole days by their first and last day."""
    start, end = value.start.astimezone(UTC), value.end.astimezone(UTC)
    whole_days = (start.time(), end.time()) == (datetime.min.time(), datetime.min.time())
    if not whole_days:
        written = "d MMM y, HH:mm"
        parts = [format_datetime(t, written, locale=locale()) for t in (start, end)]
        return f"{parts[0]} – {parts[1]} UTC"
    last = end - timedelta(days=1)
    if start.day == 1 and end.day == 1 and (start.year, start.month) == (last.year, last.month):
        return str(format_datetime(start, "LLLL y", locale=locale()))
    return day(start) if start.date() == last.date() else f"{day(start)} – {day(last)}"
