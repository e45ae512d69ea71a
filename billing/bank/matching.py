"""Say what a movement is: a payment, money that went back, a charge, or nothing of ours."""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction

from billing.bank import queries
from billing.bank.models import BankItem
from billing.bank.states import State
from billing.ledger import services as ledger
from billing.ledger.chart import Part
from billing.ledger.models import Entry, Journal
from billing.payments import credit
from billing.payments.models import Payout, PayoutKind, Receipt
from billing.payments.services import Money, Payment, receive
from billing.sepa import debits
from billing.sepa.models import Debit, SepaRun
from billing.sepa.reasons import in_words
from billing.sepa.states import RunKind
from erp.base.errors import DomainError
from erp.base.lifecycle import move
from erp.customers.models import Organisation

# Movements that one click on "accept all" works through.
MOST_AT_ONCE = 500
# How many are compared with open invoices at once.
_PAGE = 200


class AnsweredAlready(DomainError):
    """Somebody said already what this movement is: reload the page."""

    code = "answered_already"


class WrongSide(DomainError):
    """Money that went out pays no invoice, and money that came in is no refund."""

    code = "wrong_side"
    status = 422


@transaction.atomic
def accept(
    item: BankItem, payer: Organisation, shares: Mapping[int, int], *, at: datetime, by: str
) -> Receipt:
    """Record the payment that a movement is; what no invoice takes is the payer's credit.

    Raises:
        AnsweredAlready: somebody was faster, with another answer.
        NotOpen, MoreThanOwed, OthersInvoice: see `payments.services.receive`.
    """
    row = _locked(item)
    if row.minor <= 0:
        raise WrongSide
    money = Money(
        f"bank:{row.reference}:{row.attempts}", row.minor, row.booked_on,
        bank_reference=(row.text or row.bank_reference)[:140],
    )  # fmt: skip
    if row.state == State.MATCHED and row.receipt is not None:
        if row.receipt.idempotency_key != money.key or row.receipt.organisation_id != payer.pk:
            raise AnsweredAlready
    elif row.state != State.OPEN:
        raise AnsweredAlready
    payment = Payment(row.organisation, payer, row.currency, money, dict(shares))
    receipt = receive(payment, at=at, by=by)
    if row.state == State.OPEN:
        move(row, State.MATCHED, at=at, by=by, also={"receipt_id": receipt.pk})
    return receipt


def accept_sure(books: Organisation, *, at: datetime, by: str) -> int:
    """Accept the sure proposal of every open movement; return how many there were.

    Each is proposed anew when its turn comes: what one pays, the next cannot.
    """
    done = 0
    for item in _sure(books):
        shown = queries.proposed(books, [item]).get(item.pk, [])
        if not shown or not shown[0].proposal.is_sure:
            continue
        payer = shown[0].shares[0][0].organisation
        try:
            accept(item, payer, dict(shown[0].proposal.shares), at=at, by=by)
        except DomainError:
            # Paid or answered by somebody else in the meantime: it stays for a person.
            continue
        done += 1
    return done


def _sure(books: Organisation) -> list[BankItem]:
    """Return the open movements with a sure proposal, the oldest first."""
    coming = queries.items(books, state=State.OPEN).filter(minor__gt=0).order_by("pk")
    found: list[BankItem] = []
    last = 0
    while len(found) < MOST_AT_ONCE and (rows := list(coming.filter(pk__gt=last)[:_PAGE])):
        proposed = queries.proposed(books, rows)
        found += [one for one in rows if any(s.proposal.is_sure for s in proposed[one.pk][:1])]
        last = rows[-1].pk
    return found[:MOST_AT_ONCE]


@transaction.atomic
def went_back(item: BankItem, receipt: Receipt, *, at: datetime, by: str) -> Payout:
    """Record that a movement took a payment back, or refunded what was left of it.

    What a payment paid is open again, with the bank's reason in words.
    """
    row = _locked(item)
    if row.minor >= 0 or receipt.issuer_id != row.organisation_id:
        raise WrongSide
    if row.state == State.MATCHED and row.payout and row.payout.receipt_id == receipt.pk:
        return row.payout
    if row.state != State.OPEN:
        raise AnsweredAlready
    kind = queries.kind_of(row, receipt)
    charge = max(-row.minor - receipt.amount_minor, 0) if kind == PayoutKind.RETURNED else 0
    if charge > queries.MOST_CHARGE:
        raise WrongSide(f"{receipt} is less than what went back, by more than a bank charges.")
    why = f"Returned: {in_words(row.return_code)}" if kind == PayoutKind.RETURNED else "Refund"
    key, minor = f"bank:{row.reference}:{row.attempts}", -row.minor - charge
    out = credit.Out(key, kind, minor, row.booked_on, why)
    work = credit.take_back if kind == PayoutKind.RETURNED else credit.pay_out
    made = work(receipt, out, at=at, by=by)
    if charge:
        _book(row, "bank-charge", Part.BANK_CHARGES, -charge, f"Charges: {why}", at=at)
    for debit in Debit.objects.filter(receipt=receipt) if kind == PayoutKind.RETURNED else []:
        debits.returned(debit, row.return_code, at=at, by=by)
    also = {"receipt_id": receipt.pk, "payout_id": made.pk}
    move(row, State.MATCHED, at=at, by=by, why=why, also=also)
    return made


@transaction.atomic
def book_charge(item: BankItem, *, at: datetime, by: str, why: str) -> Entry:
    """Book a movement as charges of the bank (or, where it came in, as charges given back)."""
    row = _locked(item)
    if row.state != State.OPEN:
        raise AnsweredAlready
    what = f"Bank charges: {why or row.text}"
    entry = _book(row, "bank", Part.BANK_CHARGES, row.minor, what, at=at)
    move(row, State.BOOKED, at=at, by=by, why=why)
    return entry


@transaction.atomic
def book_run(item: BankItem, run: SepaRun, *, at: datetime, by: str) -> Entry:
    """Say that a movement is what a file of ours brought or cost: its orders are booked already.

    Raises:
        AnsweredAlready: somebody said what it is.
        WrongSide: the file is of another seller, or goes the other way.
    """
    row = _locked(item)
    if row.state != State.OPEN:
        raise AnsweredAlready
    if run.organisation_id != row.organisation_id or (row.minor > 0) != (run.kind == RunKind.DEBIT):
        raise WrongSide(f"{run} does not bring or cost what this movement says.")
    entry = _book(row, "bank", Part.TRANSIT, row.minor, f"{run.get_kind_display()} {run}", at=at)
    move(row, State.BOOKED, at=at, by=by, why=f"{run.get_kind_display()} {run}")
    return entry


def _book(row: BankItem, kind: str, against: Part, minor: int, what: str, *, at: datetime) -> Entry:
    """Book a movement, or a part of it, on the account of the bank and another one."""
    chart = ledger.chart_of(row.organisation, on=row.booked_on)
    fact = ledger.Fact(
        key=f"{kind}:{row.reference}:{row.attempts}",
        journal=Journal.BANK,
        currency=row.currency,
        description=what,
        amounts={chart.code_for(against): -minor, chart.bank: minor},
        piece=row.reference,
        piece_on=row.booked_on,
    )
    return ledger.post(row.organisation, fact, at=at)


def set_aside(item: BankItem, *, at: datetime, by: str, why: str) -> None:
    """Say that a movement is nothing of this system, with the reason; nothing is booked."""
    move(item, State.SET_ASIDE, at=at, by=by, why=why)


@transaction.atomic
def undo(item: BankItem, *, at: datetime, by: str, why: str) -> None:
    """Take an answer back: the movement is open again, and the books say so.

    Raises:
        AnsweredAlready: it is open.
        IrrevocableReturn: what a bank took back is not undone.
        NoSuchCredit: the money was refunded already.
    """
    row = _locked(item)
    work = _UNDO.get(State(row.state))
    if work is None:
        raise AnsweredAlready("This movement is open: there is nothing to undo.")
    work(row, at, by, why)
    also = {"receipt_id": None, "payout_id": None, "attempts": row.attempts + 1}
    move(row, State.OPEN, at=at, by=by, why=why, also=also)


class IrrevocableReturn(DomainError):
    """What went back to a payer is not undone here: record the payment anew."""

    code = "irrevocable_return"


def _unmatch(row: BankItem, at: datetime, by: str, why: str) -> None:
    if row.payout_id:
        raise IrrevocableReturn
    assert row.receipt is not None, "see bankitem_matched_has_receipt"
    on = ledger.day_in(row.organisation, at)
    out = credit.Out(
        f"undone:{row.reference}:{row.attempts}", PayoutKind.MISTAKE, row.minor, on, why
    )
    credit.take_back(row.receipt, out, at=at, by=by)


def _unbook(row: BankItem, at: datetime, by: str, why: str) -> None:
    key = f"bank:{row.reference}:{row.attempts}"
    entry = Entry.objects.select_related("organisation").get(organisation=row.organisation, key=key)
    ledger.reverse(entry, at=at, on=ledger.day_in(row.organisation, at), why=why)


def _nothing(row: BankItem, at: datetime, by: str, why: str) -> None:
    """Nothing was booked."""


_UNDO: Mapping[State, Callable[[BankItem, datetime, str, str], None]] = {
    State.MATCHED: _unmatch,
    State.BOOKED: _unbook,
    State.SET_ASIDE: _nothing,
}


def _locked(item: BankItem) -> BankItem:
    rows = BankItem.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "receipt", "payout").get(pk=item.pk)
