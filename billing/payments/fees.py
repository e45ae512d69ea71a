"""Fees of late payers: claimed beside an invoice, each an open item of its own, paid or waived.

The caller of what moves money holds the receipt; fees are read under the turn of the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.invoicing.models import Invoice
from billing.ledger import services as ledger
from billing.ledger.chart import Part
from billing.ledger.lettering import letter_item, unletter
from billing.ledger.models import Journal, Posting
from billing.payments.left import check_credit, check_valid, locked_receipt
from billing.payments.models import Fee, FeeKind, FeePayment, Receipt
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import Amount

BY = "payments"


class NothingOpen(DomainError):
    """Nothing of this fee is open."""

    code = "nothing_open"


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed; the same key is the same fee."""

    key: str
    kind: FeeKind
    minor: int


@transaction.atomic
def claim(invoice: Invoice, wanted: Claim, *, at: datetime, by: str) -> Fee:
    """Claim a fee of who pays an invoice late, and book it; the same key again changes nothing."""
    issuer = invoice.issuer
    ledger.take_turn(issuer)
    known = Fee.objects.filter(issuer=issuer, key=wanted.key).first()
    if known:
        return known
    made = Fee.objects.create(
        organisation=invoice.organisation,
        issuer=issuer,
        invoice=invoice,
        key=wanted.key,
        kind=wanted.kind,
        minor=wanted.minor,
        currency=invoice.currency,
        claimed_on=ledger.day_in(issuer, at),
        claimed_at=at,
        claimed_by=by,
    )
    _book(made, "fee", Part.FEE, made.minor, at=at)
    record(made, "claimed", at=at, by=by, why=str(made.get_kind_display()), invoice=invoice.number)
    return made


def _book(fee: Fee, kind: str, against: Part, minor: int, *, at: datetime, key: str = "") -> None:
    """Book what the customer owes more (or, below zero, less) of a fee, and letter what is done."""
    issuer = fee.issuer
    chart = ledger.chart_of(issuer, on=ledger.day_in(issuer, at))
    account = chart.receivable(fee.organisation.reference)
    what = f"{fee.get_kind_display()} fee {fee.reference} for {fee.invoice.number}"
    fact = ledger.Fact(
        key=f"{kind}:{key or fee.reference}",
        journal=Journal.MISC,
        currency=fee.currency,
        description=what if kind == "fee" else f"{kind.replace('_', ' ').capitalize()}: {what}",
        amounts={account: minor, chart.code_for(against): -minor},
        piece=fee.reference,
        piece_on=fee.claimed_on,
        item=fee.reference,
        due_on=fee.claimed_on,
    )
    ledger.post(issuer, fact, at=at)
    letter_item(issuer, account, fee.reference, at=at, by=BY)


@transaction.atomic
def pay(receipt: Receipt, fee: Fee, *, at: datetime, by: str) -> FeePayment:
    """Pay what is open of a fee with what a receipt has left; in part when that is less.

    Raises:
        NothingOpen: the fee is paid or waived, or of somebody else.
        NoSuchCredit: the receipt has nothing left.
    """
    money = locked_receipt(receipt)
    ledger.take_turn(money.issuer)
    row = Fee.objects.select_related("issuer", "organisation", "invoice").get(pk=fee.pk)
    parties = (row.organisation_id, row.issuer_id, row.currency)
    if parties != (money.organisation_id, money.issuer_id, money.currency) or not row.open_minor:
        raise NothingOpen(f"Nothing of {row} can be paid by {money}.")
    minor = min(row.open_minor, money.credit_minor)
    check_valid(money, at)
    check_credit(money, minor)
    made = FeePayment.objects.create(
        organisation_id=money.organisation_id, receipt=money, fee=row, minor=minor
    )
    key = f"{money.reference}:{made.pk}"
    _book(row, "fee_paid", Part.CREDIT_BALANCE, -minor, at=at, key=key)
    record(money, "paid_fee", at=at, by=by, fee=row.reference, minor=minor)
    return made


def pay_open(receipt: Receipt, invoices: Sequence[Invoice], *, at: datetime, by: str) -> None:
    """Pay the open fees of invoices with what is left of the receipt that pays them."""
    for fee in Fee.objects.filter(invoice__in=invoices).order_by("pk"):
        receipt.refresh_from_db(fields=["allocated_minor", "paid_out_minor"])
        if fee.open_minor and receipt.credit_minor > 0:
            pay(receipt, fee, at=at, by=by)


def take_off(receipt: Receipt, *, at: datetime) -> None:
    """Take a receipt off the fees that it paid: they are open again."""
    ledger.take_turn(receipt.issuer)
    related = receipt.fee_payments.filter(undone_at=None).select_related("fee__issuer")
    for made in related.order_by("pk"):
        fee = made.fee
        _unletter(fee, at=at)
        FeePayment.objects.filter(pk=made.pk).update(undone_at=at)
        key = f"{receipt.reference}:{made.pk}"
        _book(fee, "fee_taken_off", Part.CREDIT_BALANCE, made.minor, at=at, key=key)


def _unletter(fee: Fee, *, at: datetime) -> None:
    legs = Posting.objects.filter(organisation=fee.issuer, item=fee.reference)
    settled = legs.exclude(lettering=None).select_related("account__organisation", "lettering")
    for one in settled[:1]:
        assert one.lettering is not None, "it is filtered so"
        unletter(one.account, one.lettering.code, at=at, by=BY, why="the payment was taken back")


@transaction.atomic
def waive(fee: Fee, *, at: datetime, by: str, why: str) -> Fee:
    """Give up what is open of a fee, with the reason; the books take it back.

    Raises:
        NothingOpen: it is paid or waived already.
    """
    ledger.take_turn(fee.issuer)
    row = Fee.objects.select_related("issuer", "organisation", "invoice").get(pk=fee.pk)
    left = row.open_minor
    if not left or row.waived_at:
        raise NothingOpen(f"Nothing of {row} is open: {Amount(row.minor, row.currency)}.")
    Fee.objects.filter(pk=row.pk).update(
        waived_minor=left, waived_at=at, waived_by=by, waived_why=why[:200]
    )
    _book(row, "fee_waived", Part.FEE, -left, at=at)
    record(row, "waived", at=at, by=by, why=why, minor=left)
    return row
