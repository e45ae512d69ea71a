"""What people book: entries by hand, their reversal, and opening balances from a table.

Both are written as lines of account; debit; credit; document; due date. A line may end early.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from django.db import transaction

from billing.ledger.chart import Part
from billing.ledger.models import Entry, Journal
from billing.ledger.services import (
    Fact,
    Unbalanced,
    accounts_of,
    chart_of,
    post,
    reverse,
    take_turn,
)
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import Amount, exponent
from erp.customers.models import Organisation

# One entry by hand; a table of opening balances may be longer.
MOST_LEGS = 200
MOST_BALANCES = 5000
_LARGEST = 10**15
PREFIXES = ("manual:", "opening:")


class Unreadable(DomainError):
    """A line of the table cannot be read."""

    code = "unreadable"
    status = 422


class NotByHand(DomainError):
    """This entry was written with a document: correct the document."""

    code = "not_by_hand"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line as typed: debit positive, credit negative."""

    code: str
    minor: int
    item: str = ""
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """An entry as typed. The key names the form that was sent: sent twice, it is one entry."""

    key: str
    description: str
    currency: str
    on: date
    legs: Sequence[Leg]


def read(text: str, currency: str, *, most: int = MOST_LEGS) -> list[Leg]:
    """Return the lines of a table; the first may name the columns.

    Raises:
        Unreadable: names the line and what is wrong with it, or there are too many.
    """
    delimiter = ";" if ";" in text else "\t" if "\t" in text else ","
    rows = list(csv.reader(text.splitlines(), delimiter=delimiter))
    if len(rows) > most + 1:
        raise Unreadable(f"{len(rows)} lines are too many at once: {most} at most.")
    legs = []
    for number, cells in enumerate(rows, 1):
        row = [cell.strip() for cell in cells] + [""] * 5
        is_head = number == 1 and not row[0][:1].isdigit()
        if any(row) and not is_head:
            legs.append(_leg(number, row, currency))
    if not legs:
        raise Unreadable("There are no lines: write account; debit; credit on each.")
    return legs


def _leg(number: int, row: list[str], currency: str) -> Leg:
    code, debit, credit, item, due = row[:5]
    minor = _minor(number, debit, currency) - _minor(number, credit, currency)
    if not minor:
        raise Unreadable(f"Line {number}: write an amount, as debit or as credit.")
    try:
        due_on = date.fromisoformat(due) if due else None
    except ValueError as error:
        raise Unreadable(f"Line {number}: {due} is no day; write it like 2026-11-30.") from error
    return Leg(code[:40], minor, item[:40], due_on)


def _minor(number: int, text: str, currency: str) -> int:
    """Return an amount in minor units; a comma may be its decimal sign."""
    try:
        exact = Decimal(text.replace(",", ".") or 0).scaleb(exponent(currency))
    except InvalidOperation as error:
        raise Unreadable(f"Line {number}: {text} is no amount.") from error
    if not exact.is_finite() or exact != int(exact) or not 0 <= exact < _LARGEST:
        raise Unreadable(f"Line {number}: {text} is no amount of {currency}, or below zero.")
    return int(exact)


@transaction.atomic
def post_by_hand(books: Organisation, typed: Typed, *, at: datetime, by: str) -> Entry:
    """Post an entry in the journal of miscellaneous facts; who did it stands in the journal.

    Raises:
        Unreadable: an account stands on two lines, or two documents are named.
        Unbalanced, UnknownAccount, PeriodLocked, KeyReused: see `post`.
    """
    amounts = {leg.code: leg.minor for leg in typed.legs}
    if len(amounts) < len(typed.legs):
        raise Unreadable("An account stands on two lines: sum them.")
    items = {(leg.item, leg.due_on) for leg in typed.legs if leg.item or leg.due_on}
    if len(items) > 1:
        raise Unreadable("One entry is about one document: write an entry for each.")
    item, due_on = items.pop() if items else ("", None)
    is_new = not Entry.objects.filter(organisation=books, key=f"manual:{typed.key}").exists()
    fact = Fact(
        f"manual:{typed.key}", Journal.MISC, typed.currency, typed.description, amounts,
        piece=item or typed.key, piece_on=typed.on, item=item, due_on=due_on,
    )  # fmt: skip
    entry = post(books, fact, at=at, on=typed.on)
    if is_new:
        record(entry, "posted_by_hand", at=at, by=by, why=typed.description)
    return entry


@transaction.atomic
def reverse_by_hand(entry: Entry, *, at: datetime, on: date, by: str, why: str) -> Entry:
    """Take back what was booked by hand or brought in.

    Raises:
        NotByHand: the entry was written by an invoice, a payment or a release.
        ReversedAlready, PeriodLocked: see `reverse`.
    """
    if not entry.key.startswith(PREFIXES):
        raise NotByHand(
            f"{entry.full_number} was written by {entry.key.partition(':')[0]} {entry.piece}: "
            "correct that document, the books follow."
        )
    made = reverse(entry, at=at, on=on, why=why)
    record(entry, "reversed", at=at, by=by, why=why, reversal=made.full_number)
    return made


@transaction.atomic
def bring_in(
    books: Organisation, legs: Sequence[Leg], *, currency: str, on: date, at: datetime, by: str
) -> list[Entry]:
    """Bring in opening balances: an entry per open item of a customer, one for all the rest.

    Each is booked against the account of opening balances, which ends at zero because the table
    balances. The same table again changes nothing.

    Raises:
        Unbalanced: debits and credits of the table differ; names by how much.
        UnknownAccount, PeriodLocked, Unreadable: see `post` and `read`.
    """
    difference = sum(leg.minor for leg in legs)
    if difference:
        raise Unbalanced(f"Debits and credits differ by {Amount(difference, currency)}.")
    take_turn(books)
    accounts = accounts_of(books, {leg.code for leg in legs})
    items = [leg for leg in legs if accounts[leg.code].part == Part.RECEIVABLE]
    rest = [leg for leg in legs if leg not in items]
    if len({leg.code for leg in rest}) < len(rest):
        raise Unreadable("An account stands on two lines: sum them.")
    name = sha256(repr((on, currency, list(legs))).encode()).hexdigest()[:16]
    is_new = not Entry.objects.filter(organisation=books, key=f"opening:{name}:0").exists()
    groups = [group for group in (rest, *([leg] for leg in items)) if group]
    entries = [
        _balance(books, group, f"opening:{name}:{number}", currency=currency, on=on, at=at)
        for number, group in enumerate(groups)
    ]
    if is_new:
        record(books, "balances_brought_in", at=at, by=by, entries=len(entries), table=name)
    return entries


def _balance(
    books: Organisation, legs: Sequence[Leg], key: str, *, currency: str, on: date, at: datetime
) -> Entry:
    opening = chart_of(books, on=on).opening
    amounts = {leg.code: leg.minor for leg in legs}
    amounts[opening] = amounts.get(opening, 0) - sum(amounts.values())
    item, due_on = (legs[0].item, legs[0].due_on) if len(legs) == 1 else ("", None)
    what = f"Opening balance {item}" if item else "Opening balances"
    fact = Fact(
        key, Journal.OPENING, currency, what, amounts,
        piece=item or "Opening", piece_on=on, item=item, due_on=due_on,
    )  # fmt: skip
    return post(books, fact, at=at, on=on)
