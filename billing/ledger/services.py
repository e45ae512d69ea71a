"""Post entries, and close the books."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from billing.ledger.chart import name_of
from billing.ledger.models import Account, Books, Entry, Journal, Posting
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation

# Writers of one organisation's books take turns: the first key of the advisory lock.
CHAIN = 7002


class Unbalanced(DomainError):
    """Debits and credits differ."""

    code = "unbalanced"


class KeyReused(DomainError):
    """This fact is in the books already, with other content."""

    code = "key_reused"


class PeriodLocked(DomainError):
    """The books are closed for this time: post in an open period."""

    code = "period_locked"


@dataclass(frozen=True, slots=True)
class Fact:
    """What an entry says.

    Args:
        key: names the business fact for ever, e.g. `invoice:V-7K2M9QXA`.
        amounts: account code to minor units, debit positive, credit negative.
    """

    key: str
    journal: Journal
    currency: str
    description: str
    amounts: Mapping[str, int]

    def legs(self) -> dict[str, int]:
        """Return the amounts that are not zero."""
        return {code: minor for code, minor in self.amounts.items() if minor}


@transaction.atomic
def post(books: Organisation, fact: Fact, *, at: datetime) -> Entry:
    """Record one balanced entry; posting the same key again changes nothing.

    Raises:
        Unbalanced: the amounts do not sum to zero, or there are none.
        KeyReused: the key already names a different entry.
        PeriodLocked: the books are closed at that time.
    """
    legs = fact.legs()
    if sum(legs.values()) or not legs:
        raise Unbalanced(f"{fact.key}: the amounts sum to {sum(legs.values())}, not to zero.")
    take_turn(books)
    known = Entry.objects.filter(organisation=books, key=fact.key).first()
    if known is None:
        return _write(books, fact, legs, at)
    if (known.currency, known.amounts) != (fact.currency, legs):
        raise KeyReused(f"{fact.key} is in the books already, with other amounts.")
    return known


def take_turn(books: Organisation) -> None:
    """Wait until no other transaction writes these books; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CHAIN, books.pk])


def _write(books: Organisation, fact: Fact, legs: Mapping[str, int], at: datetime) -> Entry:
    if Books.objects.filter(organisation=books, locked_before_at__gt=at).exists():
        raise PeriodLocked(f"The books of {books.name} are closed on {at:%Y-%m-%d}.")
    entry = Entry.objects.create(
        organisation=books,
        key=fact.key,
        journal=fact.journal,
        currency=fact.currency,
        posted_at=at,
        description=fact.description,
        amounts=dict(legs),
    )
    Posting.objects.bulk_create(
        Posting(organisation=books, entry=entry, account=account_of(books, code), minor=minor)
        for code, minor in legs.items()
    )
    return entry


def account_of(books: Organisation, code: str) -> Account:
    """Return the account with this code, opened when it is used for the first time."""
    account, _ = Account.objects.get_or_create(
        organisation=books, code=code, defaults={"name": name_of(code)}
    )
    return account


@transaction.atomic
def lock_period(books: Organisation, *, before: datetime, at: datetime, by: str) -> None:
    """Close the books before a moment; they never open again.

    Raises:
        PeriodLocked: they are closed further than that.
    """
    take_turn(books)
    row, _ = Books.objects.get_or_create(organisation=books)
    if row.locked_before_at and row.locked_before_at > before:
        raise PeriodLocked(f"The books are closed until {row.locked_before_at:%Y-%m-%d} already.")
    Books.objects.filter(pk=row.pk).update(locked_before_at=before)
    record(books, "books_closed", at=at, by=by, before=before.isoformat())
