"""Deferred revenue: what is invoiced for months to come is earned month by month, to the cent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import transaction

from billing.ledger.models import Deferral, Entry, Journal
from billing.ledger.services import Fact, accounts_of, books_of, post, take_turn
from erp.base.money import round_minor
from erp.base.periods import Period, month_of
from erp.customers.models import Organisation


@dataclass(frozen=True, slots=True)
class Share:
    """What of one revenue account belongs to one later month: credit positive."""

    revenue: str
    month_on: date
    minor: int


def by_month(minor: int, period: Period) -> dict[date, int]:
    """Split an amount over the calendar months of a period by the second; the sum is exact.

    Each month gets the rounded sum up to its end less the rounded sum up to its start.
    """
    shares: dict[date, int] = {}
    given, month = 0, month_of(period.start)
    while month.start < period.end:
        passed = Period(period.start, min(month.end, period.end)).seconds
        until = round_minor(Decimal(minor) * passed / period.seconds)
        shares[month.start.date()] = until - given
        given, month = until, month_of(month.end)
    return shares


def split(
    lines: Iterable[tuple[str, int, Period]], *, on: date
) -> tuple[dict[str, int], list[Share]]:
    """Return what is earned now per revenue account, and what is for months after that of `on`.

    Args:
        lines: revenue account, net amount and service period of each line.
    """
    earned: dict[str, int] = {}
    later: dict[tuple[str, date], int] = {}
    for revenue, minor, period in lines:
        for month_on, share in by_month(minor, period).items():
            if month_on > on:
                later[revenue, month_on] = later.get((revenue, month_on), 0) + share
            else:
                earned[revenue] = earned.get(revenue, 0) + share
    shares = [Share(revenue, day, minor) for (revenue, day), minor in later.items() if minor]
    return earned, sorted(shares, key=lambda one: (one.month_on, one.revenue))


def keep(
    books: Organisation, later: Iterable[tuple[Entry, Sequence[Share]]], *, waits_on: str
) -> None:
    """Remember what entries deferred to later months; `waits_on` is the account where it waits."""
    found = [(entry, share) for entry, shares in later for share in shares]
    if not found:
        return
    known = Deferral.objects.filter(entry__in={entry.pk for entry, _ in found})
    kept = set(known.values_list("entry_id", flat=True))
    accounts = accounts_of(books, {waits_on, *(share.revenue for _, share in found)})
    Deferral.objects.bulk_create(
        Deferral(
            organisation_id=entry.organisation_id,
            entry=entry,
            revenue_account=accounts[share.revenue],
            deferred_account=accounts[waits_on],
            currency=entry.currency,
            month_on=share.month_on,
            minor=share.minor,
        )
        for entry, share in found
        if entry.pk not in kept
    )


def last_day(month_on: date) -> date:
    """Return the last day of a month."""
    end = month_of(datetime(month_on.year, month_on.month, 1, tzinfo=UTC)).end
    return (end - timedelta(days=1)).date()


@transaction.atomic
def release(entry: Entry, month_on: date, *, at: datetime) -> Entry | None:
    """Move what an entry deferred to one month into revenue, on the month's last day.

    Where that day is closed, the first open one takes its place. Releasing again changes nothing.
    """
    books = entry.organisation
    take_turn(books)
    rows = Deferral.objects.filter(entry=entry, month_on=month_on, released_by=None)
    waiting = list(rows.select_related("revenue_account", "deferred_account"))
    if not waiting:
        return None
    amounts: dict[str, int] = {}
    for one in waiting:
        deferred, revenue = one.deferred_account.code, one.revenue_account.code
        amounts[deferred] = amounts.get(deferred, 0) + one.minor
        amounts[revenue] = amounts.get(revenue, 0) - one.minor
    fact = Fact(
        key=f"release:{entry.reference}:{month_on:%Y-%m}",
        journal=Journal.MISC,
        currency=entry.currency,
        description=f"Earned in {month_on:%B %Y}: {entry.description}",
        amounts=amounts,
        piece=entry.piece,
        piece_on=entry.piece_on,
    )
    state = books_of(books)
    closed = [day for day in (state.locked_before_on, state.soft_locked_before_on) if day]
    released = post(books, fact, at=at, on=max([last_day(month_on), *closed]))
    rows.update(released_by=released)
    return released
