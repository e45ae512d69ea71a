"""Close a financial year: sales and costs become its result, and nothing is dated into it again.

What accounts of the balance sheet hold is carried on by itself: balances sum over all years.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Min, Sum

from billing.ledger.chart import Nature
from billing.ledger.closing import NotOver, anchor, release_until
from billing.ledger.models import Books, Entry, Journal, Posting
from billing.ledger.services import (
    Fact,
    books_of,
    chart_of,
    day_in,
    post,
    take_turn,
)
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation

_RESULTS = (Nature.INCOME, Nature.EXPENSE)


class EarlierYearOpen(DomainError):
    """A year is closed after the one before it."""

    code = "earlier_year_open"


class NothingToClose(DomainError):
    """No year with entries waits to be closed."""

    code = "nothing_to_close"


@dataclass(frozen=True, slots=True)
class Result:
    """What a year made in one currency, credit positive: income less costs."""

    currency: str
    income_minor: int
    expense_minor: int

    @property
    def minor(self) -> int:
        """Return the profit; a loss is below zero."""
        return self.income_minor - self.expense_minor


@dataclass(frozen=True, slots=True)
class Year:
    """A financial year, by its days, with what it made so far."""

    start: date
    end: date
    results: tuple[Result, ...] = ()

    @property
    def name(self) -> str:
        """Return how people call it: 2026, or 2026/27 when it does not begin in January."""
        return f"{self.start:%Y}" + (f"/{self.end:%y}" if self.end.year > self.start.year else "")


def year_of(books: Organisation, on: date) -> date:
    """Return the first day of the financial year that holds a day."""
    row = Books.objects.filter(organisation=books).first()
    month = row.year_starts_month if row else 1
    return date(on.year - (on.month < month), month, 1)


def last_day(start: date) -> date:
    """Return the last day of the financial year that begins on a day."""
    return start.replace(year=start.year + 1) - timedelta(days=1)


def to_close(books: Organisation) -> Year | None:
    """Return the oldest year that is not closed, with what it made; None without entries."""
    row = Books.objects.filter(organisation=books).first()
    entries = Entry.objects.filter(organisation=books)
    first = entries.aggregate(first=Min("posted_on"))["first"]
    if row is None or first is None:
        return None
    # Before the day that is closed for ever nothing can be booked, a closing as little as a sale.
    start = year_of(books, max(first, row.locked_before_on or first))
    return Year(start, last_day(start), tuple(results(books, start)))


def results(books: Organisation, start: date) -> list[Result]:
    """Return what a year made, per currency, without its closing."""
    sums = _balances(books, start)
    found = []
    for currency in sorted({currency for _, _, currency in sums}):
        of = {
            nature: sum(
                minor for (_, *its), minor in sums.items() if its == [nature.value, currency]
            )
            for nature in _RESULTS
        }
        found.append(Result(currency, -of[Nature.INCOME], of[Nature.EXPENSE]))
    return found


def _balances(books: Organisation, start: date) -> Mapping[tuple[str, str, str], int]:
    """Return what each account of sales or costs holds of a year: code, nature, currency."""
    legs = Posting.objects.filter(
        organisation=books, account__nature__in=_RESULTS,
        posted_on__gte=start, posted_on__lte=last_day(start),
    ).exclude(entry__journal=Journal.CLOSING)  # fmt: skip
    rows = legs.values_list("account__code", "account__nature", "currency")
    sums = rows.annotate(minor=Sum("minor")).order_by("account__code", "currency")
    return {(code, nature, currency): minor for code, nature, currency, minor in sums if minor}


@transaction.atomic
def close_year(books: Organisation, *, start: date, at: datetime, by: str) -> list[Entry]:
    """Move sales and costs of a year to its result, one entry per currency, and close it for ever.

    Revenue that it earned is released first. Closing it again changes nothing.

    Raises:
        NotOver: its last day is not over.
        EarlierYearOpen: the year before it is open.
        NothingToClose: it has no entries, or was closed by months before.
        NotEarned: deferred revenue still waits.
    """
    take_turn(books)
    row = books_of(books)
    end = last_day(start)
    known = Entry.objects.filter(
        organisation=books, journal=Journal.CLOSING, key__startswith=f"closing:{start}:"
    )
    if known:
        return list(known.order_by("position"))
    _check(books, start, at)
    release_until(books, end + timedelta(days=1), at=at)
    # The soft lock is ours to lift for this one entry: what follows is closed for ever.
    Books.objects.filter(pk=row.pk).update(soft_locked_before_on=None)
    made = [_entry(books, start, one, at=at) for one in _currencies(books, start)]
    soft = row.soft_locked_before_on
    keeps = soft if soft and soft > end + timedelta(days=1) else None
    Books.objects.filter(pk=row.pk).update(
        locked_before_on=end + timedelta(days=1), soft_locked_before_on=keeps
    )
    name = Year(start, end).name
    record(books, "year_closed", at=at, by=by, year=name, entries=[one.full_number for one in made])
    anchor(books, at=at, why=f"closed the year {name}")
    return made


def _check(books: Organisation, start: date, at: datetime) -> None:
    waiting, end = to_close(books), last_day(start)
    if waiting is None or start < waiting.start:
        raise NothingToClose(f"The year that begins on {start} has nothing to close.")
    if waiting.start < start:
        raise EarlierYearOpen(f"Close the year {waiting.name} first.")
    if day_in(books, at) <= end:
        raise NotOver(f"The year ends on {end}: it is not over.")


def _currencies(books: Organisation, start: date) -> list[str]:
    return sorted({currency for _, _, currency in _balances(books, start)})


def _entry(books: Organisation, start: date, currency: str, *, at: datetime) -> Entry:
    end = last_day(start)
    amounts = {
        code: -minor for (code, _, its), minor in _balances(books, start).items() if its == currency
    }
    made = -sum(amounts.values())
    account = chart_of(books, on=end).result(made)
    fact = Fact(
        key=f"closing:{start}:{currency}",
        journal=Journal.CLOSING,
        currency=currency,
        description=f"Result of the year {Year(start, end).name}",
        amounts=amounts | {account: made},
        piece=f"Closing {Year(start, end).name}",
        piece_on=end,
    )
    return post(books, fact, at=at, on=end)
