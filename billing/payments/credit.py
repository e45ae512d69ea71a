"""The credit of a payer: put it on invoices, take it off, pay it out, or lose it to a bank."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger import services as ledger
from billing.ledger.chart import Part
from billing.ledger.lettering import letter_item, unletter
from billing.ledger.models import Journal, Posting
from billing.payments import fees
from billing.payments.left import check_credit, check_valid, locked_receipt
from billing.payments.models import (
    NOT_MONEY,
    PaymentAllocation,
    Payout,
    PayoutKind,
    Receipt,
)
from billing.payments.services import (
    KeyReused,
    MoreThanOwed,
    NotOpen,
    OthersInvoice,
    allocation_fact,
    locked,
    settle,
)
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount

# Where a payout is booked that the account at the bank does not show by itself.
_PARTS = {
    PayoutKind.TRANSFER: Part.TRANSIT,
    PayoutKind.REFUSED: Part.TRANSIT,
    PayoutKind.EXPIRED: Part.EXPIRED,
}


class UndoneAlready(DomainError):
    """This was undone before."""

    code = "undone_already"


@dataclass(frozen=True, slots=True)
class Out:
    """Money that goes out of a receipt; the same key is the same payout."""

    key: str
    kind: PayoutKind
    minor: int
    paid_on: date
    why: str


@transaction.atomic
def allocate(
    receipt: Receipt, invoice: Invoice, minor: int, *, at: datetime, by: str
) -> PaymentAllocation:
    """Pay an invoice with what a receipt has left.

    Raises:
        NotOpen, MoreThanOwed: the invoice does not take it.
        NoSuchCredit, CreditExpired: the receipt does not have it, or not any more.
        OthersInvoice: it is of somebody else.
    """
    check_valid(receipt, at)
    return keep_on(receipt, invoice, minor, at=at, by=by)


@transaction.atomic
def keep_on(
    receipt: Receipt, invoice: Invoice, minor: int, *, at: datetime, by: str
) -> PaymentAllocation:
    """Pay an invoice as `allocate` does, also with credit that paid before it expired."""
    (row,) = locked({invoice.pk: minor})
    money = locked_receipt(receipt)
    ledger.take_turn(money.issuer)
    if row.state != State.ISSUED:
        raise NotOpen(f"{row} is {row.state}: nothing can be paid on it.")
    if (row.organisation_id, row.issuer_id, row.currency) != (
        money.organisation_id, money.issuer_id, money.currency,
    ):  # fmt: skip
        raise OthersInvoice
    if not 0 < minor <= row.open_minor:
        raise MoreThanOwed(f"{row} has {Amount(row.open_minor, row.currency)} open.")
    check_credit(money, minor)
    made = PaymentAllocation.objects.create(
        organisation_id=money.organisation_id, receipt=money, invoice=row, minor=minor
    )
    ledger.post(money.issuer, allocation_fact(made, "allocation", -1, at=at), at=at)
    record(money, "allocated", at=at, by=by, invoice=row.number, minor=minor)
    settle(row, why=f"payment {money.reference}", at=at, by=by)
    return made


@transaction.atomic
def undo(made: PaymentAllocation, *, at: datetime, by: str, why: str) -> None:
    """Take a payment off an invoice, which is open again unless it was credited.

    The money stays as credit.

    Raises:
        UndoneAlready: somebody did it before.
        NotOpen: it was written off.
    """
    (invoice,) = locked({made.invoice_id: made.minor})
    receipt = locked_receipt(made.receipt)
    ledger.take_turn(receipt.issuer)
    row = PaymentAllocation.objects.select_for_update().get(pk=made.pk)
    if row.undone_at:
        raise UndoneAlready
    if receipt.method in NOT_MONEY:
        raise NotOpen("What was written off is no money: there is nothing to take off.")
    if invoice.state != State.CREDITED:
        _open_again(invoice, at=at, by=by, why=why)
    PaymentAllocation.objects.filter(pk=row.pk).update(
        undone_at=at, undone_by=by, undone_why=why[:200]
    )
    ledger.post(receipt.issuer, allocation_fact(row, "taken_off", 1, at=at), at=at)
    if invoice.state == State.CREDITED:
        account = ledger.chart_of(invoice.issuer).receivable(invoice.organisation.reference)
        letter_item(invoice.issuer, account, invoice.number, at=at, by=by)
    record(receipt, "taken_off", at=at, by=by, why=why, invoice=invoice.number, minor=row.minor)


def _open_again(invoice: Invoice, *, at: datetime, by: str, why: str) -> None:
    if invoice.state == State.PAID:
        move(invoice, State.ISSUED, at=at, by=by, why=why)
    leg = Posting.objects.filter(
        organisation=invoice.issuer, item=invoice.number, lettering__isnull=False
    )
    for one in leg.select_related("account__organisation", "lettering")[:1]:
        assert one.lettering is not None, "it is filtered so"
        unletter(one.account, one.lettering.code, at=at, by=by, why=why)


@transaction.atomic
def pay_out(receipt: Receipt, out: Out, *, at: datetime, by: str) -> Payout:
    """Record that credit of a receipt went out; the same key again changes nothing.

    Raises:
        KeyReused: the key names another payout.
        NoSuchCredit: the receipt has less left.
    """
    money = locked_receipt(receipt)
    ledger.take_turn(money.issuer)
    known = Payout.objects.filter(receipt=money, idempotency_key=out.key).first()
    if known:
        if (known.kind, known.minor, known.paid_on) != (out.kind, out.minor, out.paid_on):
            raise KeyReused
        return known
    check_credit(money, out.minor)
    made = Payout.objects.create(
        organisation_id=money.organisation_id,
        receipt=money,
        idempotency_key=out.key,
        kind=out.kind,
        minor=out.minor,
        paid_on=out.paid_on,
        why=out.why[:200],
        recorded_at=at,
        recorded_by=by,
    )
    ledger.post(money.issuer, _fact(made), at=at)
    record(money, out.kind, at=at, by=by, why=out.why, minor=out.minor)
    return made


@transaction.atomic
def take_back(receipt: Receipt, out: Out, *, at: datetime, by: str) -> Payout:
    """Record that a bank took a payment back: its invoices are open again, with the reason.

    Raises:
        NoSuchCredit: part of it was paid out already.
    """
    standing = list(
        receipt.allocations.filter(undone_at=None)
        .select_related("receipt__issuer")
        .order_by("invoice_id")
    )
    if not Payout.objects.filter(receipt=receipt, idempotency_key=out.key).exists():
        # All of them first, in one order, so that two of these never wait for each other.
        locked({one.invoice_id: one.minor for one in standing})
        for one in standing:
            undo(one, at=at, by=by, why=out.why)
        fees.take_off(receipt, at=at)
    return pay_out(receipt, out, at=at, by=by)


def _fact(made: Payout) -> ledger.Fact:
    receipt = made.receipt
    chart = ledger.chart_of(receipt.issuer, on=made.paid_on)
    return ledger.Fact(
        key=f"payout:{made.reference}",
        journal=Journal.MISC if made.kind == PayoutKind.EXPIRED else Journal.BANK,
        currency=receipt.currency,
        description=f"{PayoutKind(made.kind).label} of {receipt.reference}: {made.why}",
        amounts={
            chart.code_for(Part.CREDIT_BALANCE): made.minor,
            chart.code_for(_PARTS.get(PayoutKind(made.kind), Part.BANK)): -made.minor,
        },
        piece=made.reference,
        piece_on=made.paid_on,
    )
