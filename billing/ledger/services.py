"""Post entries, reverse them, and open the accounts that they need."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max

from billing.ledger.chart import Chart, Part, UnknownAccount
from billing.ledger.charts import CHARTS, usual_for
from billing.ledger.models import Account, Books, Entry, Journal, PartAccount, Posting
from erp.base.errors import DomainError
from erp.base.inserts import insert
from erp.customers.models import Organisation

# Writers of one organisation's books take turns: the first key of the advisory lock.
CHAIN = 7002
# Customers' accounts are numbered from here for programs that know digits only (DATEV: debtors).
FIRST_DEBTOR = 10_000
_WRITTEN_BY_THE_DATABASE = ["position", "number", "fiscal_year", "hash", "recorded_at"]


class Unbalanced(DomainError):
    """Debits and credits differ."""

    code = "unbalanced"


class KeyReused(DomainError):
    """This fact is in the books already, with other content."""

    code = "key_reused"


class PeriodLocked(DomainError):
    """The books are closed for this day: post in an open period."""

    code = "period_locked"


class ReversedAlready(DomainError):
    """This entry is reversed already, or reverses another one."""

    code = "reversed_already"


@dataclass(frozen=True, slots=True)
class Fact:
    """What an entry says.

    Args:
        key: names the business fact for ever, e.g. `invoice:V-7K2M9QXA`.
        amounts: account code to minor units, debit positive, credit negative.
        piece: the document that proves it, with its day.
        item: the document whose open amount the legs on customers' accounts change.
        due_on: when that is due; the day of the entry unless it is given.
    """

    key: str
    journal: Journal
    currency: str
    description: str
    amounts: Mapping[str, int]
    piece: str = ""
    piece_on: date | None = None
    item: str = ""
    due_on: date | None = None

    def legs(self) -> dict[str, int]:
        """Return the amounts that are not zero."""
        return {code: minor for code, minor in self.amounts.items() if minor}


def chart_of(books: Organisation, *, on: date | None = None) -> Chart:
    """Return the chart of an organisation's books with the parts that are mapped on a day.

    Args:
        on: without it, every account that was ever mapped is known and the newest wins.
    """
    row = Books.objects.filter(organisation=books).first()
    chart = CHARTS[row.chart if row else usual_for(books.country)]
    changes = PartAccount.objects.filter(organisation=books)
    if on is not None:
        changes = changes.filter(from_on__lte=on)
    return chart.mapped(changes.order_by("from_on", "pk").values_list("part", "code", "name"))


def day_in(books: Organisation, at: datetime) -> date:
    """Return the calendar day of a moment where the books are kept."""
    return at.astimezone(ZoneInfo(books.time_zone)).date()


@transaction.atomic
def post(books: Organisation, fact: Fact, *, at: datetime, on: date | None = None) -> Entry:
    """Record one balanced entry; posting the same key again changes nothing.

    Args:
        on: the day in the books; that of `at` unless it is given.

    Raises:
        Unbalanced: the amounts do not sum to zero, or there are none.
        KeyReused: the key already names a different entry.
        PeriodLocked: the books are closed on that day.
        UnknownAccount: an account is not in the chart.
    """
    (entry,) = post_all(books, [fact], at=at, on=on)
    entry.refresh_from_db(fields=_WRITTEN_BY_THE_DATABASE)
    return entry


@transaction.atomic
def post_all(
    books: Organisation, facts: Sequence[Fact], *, at: datetime, on: date | None = None
) -> list[Entry]:
    """Record many entries as `post` does one, in their order, with as many statements.

    Number and hash of a new entry are in the database only.
    """
    for fact in facts:
        legs = fact.legs()
        if sum(legs.values()) or not legs:
            raise Unbalanced(f"{fact.key}: the amounts sum to {sum(legs.values())}, not to zero.")
    take_turn(books)
    keys = [fact.key for fact in facts]
    entries = {one.key: one for one in Entry.objects.filter(organisation=books, key__in=keys)}
    for fact in facts:
        known = entries.get(fact.key)
        if known and (known.currency, known.amounts) != (fact.currency, fact.legs()):
            raise KeyReused(f"{fact.key} is in the books already, with other amounts.")
    new = [fact for fact in facts if fact.key not in entries]
    written = _write(books, new, at=at, on=on or day_in(books, at)) if new else []
    entries |= {one.key: one for one in written}
    return [entries[key] for key in keys]


def take_turn(books: Organisation) -> None:
    """Wait until no other transaction writes these books; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [CHAIN, books.pk])


def books_of(books: Organisation) -> Books:
    """Return the books of an organisation, opened with the usual chart of its country."""
    row, _ = Books.objects.get_or_create(
        organisation=books, defaults={"chart": usual_for(books.country)}
    )
    return row


def check_open(books: Organisation, on: date) -> None:
    """Refuse a day that is closed.

    Raises:
        PeriodLocked: names the first day that is open.
    """
    row = books_of(books)
    closed = [day for day in (row.locked_before_on, row.soft_locked_before_on) if day]
    if closed and on < max(closed):
        raise PeriodLocked(
            f"The books of {books.name} are closed before {max(closed):%Y-%m-%d}: "
            f"{on:%Y-%m-%d} is too early."
        )


def _write(
    books: Organisation,
    facts: Sequence[Fact],
    *,
    at: datetime,
    on: date,
    reverses: Entry | None = None,
) -> list[Entry]:
    """Write new entries; the trigger that chains them sees them in their order."""
    check_open(books, on)
    accounts = accounts_of(books, {code for fact in facts for code in fact.legs()})
    entries = insert(
        Entry(
            organisation_id=books.pk,
            key=fact.key,
            journal=fact.journal,
            currency=fact.currency,
            posted_at=at,
            posted_on=on,
            description=fact.description[:200],
            amounts=fact.legs(),
            piece=fact.piece,
            piece_on=fact.piece_on,
            reverses=reverses,
        )
        for fact in facts
    )
    insert(
        _leg(entry, accounts[code], minor, fact)
        for entry, fact in zip(entries, facts, strict=True)
        for code, minor in entry.amounts.items()
    )
    return entries


def _leg(entry: Entry, account: Account, minor: int, fact: Fact) -> Posting:
    is_item = account.part == Part.RECEIVABLE
    return Posting(
        organisation_id=entry.organisation_id,
        entry=entry,
        account=account,
        minor=minor,
        currency=entry.currency,
        posted_on=entry.posted_on,
        item=fact.item if is_item else "",
        due_on=(fact.due_on or entry.posted_on) if is_item else None,
    )


def accounts_of(books: Organisation, codes: Collection[str]) -> dict[str, Account]:
    """Return the accounts with these codes, opened when they are used for the first time.

    The caller holds the turn of the books.

    Raises:
        UnknownAccount: one is neither open nor in the chart.
    """
    found = Account.objects.filter(organisation=books, code__in=codes)
    accounts = {one.code: one for one in found}
    missing = [code for code in codes if code not in accounts]
    if missing:
        accounts |= {one.code: one for one in _open(books, missing)}
    return accounts


def _open(books: Organisation, codes: Collection[str]) -> list[Account]:
    """Open accounts; those of customers get the next numbers, in the order of their codes."""
    chart = chart_of(books)
    headings = {code: chart.heading(code) for code in sorted(codes)}
    kept = [code for code, heading in headings.items() if heading.part == Part.RECEIVABLE]
    parties = _parties(books, kept)
    numbers = count(_next_debtor(books)) if kept else count()
    opened = []
    for code, heading in headings.items():
        party = parties.get(code)
        opened.append(
            Account(
                organisation_id=books.pk,
                code=code,
                name=(party.name if party else heading.name)[:100],
                party=party,
                debtor_number=next(numbers) if party else None,
                nature=heading.nature,
                part=heading.part,
            )
        )
    return Account.objects.bulk_create(opened)


def _next_debtor(books: Organisation) -> int:
    numbers = Account.objects.filter(organisation=books).aggregate(last=Max("debtor_number"))
    return (numbers["last"] or FIRST_DEBTOR - 1) + 1


def _parties(books: Organisation, codes: Collection[str]) -> dict[str, Organisation]:
    """Return for whom each of these accounts is kept.

    Raises:
        UnknownAccount: it is nobody below these books.
    """
    references = {code: code.partition(".")[2] for code in codes}
    below = Organisation.objects.filter(path__startswith=books.path).exclude(pk=books.pk)
    found = {one.reference: one for one in below.filter(reference__in=references.values())}
    for code, reference in references.items():
        if reference not in found:
            raise UnknownAccount(
                f"Account {code} is kept per customer: write the reference of a customer of "
                f"{books.name} behind the dot, like {code.partition('.')[0]}.O-7K2M9QXA."
            )
    return {code: found[reference] for code, reference in references.items()}


@transaction.atomic
def reverse(entry: Entry, *, at: datetime, on: date, why: str) -> Entry:
    """Take an entry back by its negative, linked to it; reversing it again returns that entry.

    Raises:
        ReversedAlready: the entry is itself a reversal.
        PeriodLocked: the books are closed on that day.
    """
    books = entry.organisation
    take_turn(books)
    known = Entry.objects.filter(reverses=entry).first()
    if known:
        return known
    if entry.reverses_id:
        raise ReversedAlready(f"{entry.full_number} reverses another entry: post a new one.")
    leg = entry.postings.exclude(due_on=None).first()
    fact = Fact(
        key=f"{entry.key}:reversed"[:80],
        journal=Journal(entry.journal),
        currency=entry.currency,
        description=f"Reversal of {entry.full_number}: {why}",
        amounts={code: -minor for code, minor in entry.amounts.items()},
        piece=entry.piece,
        piece_on=entry.piece_on,
        item=leg.item if leg else "",
        due_on=leg.due_on if leg else None,
    )
    (written,) = _write(books, [fact], at=at, on=on, reverses=entry)
    written.refresh_from_db(fields=_WRITTEN_BY_THE_DATABASE)
    return written
