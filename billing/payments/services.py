"""Record payments: one receipt, one allocation, one entry."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger import services as ledger
from billing.ledger.lettering import letter_item
from billing.ledger.models import Journal
from billing.payments.models import Method, PaymentAllocation, Receipt
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount


class KeyReused(DomainError):
    """This payment was sent before with other content: reload the page to record another."""

    code = "key_reused"


class MoreThanOwed(DomainError):
    """The payment is higher than what is open on the invoice."""

    code = "more_than_owed"


class NotOpen(DomainError):
    """The invoice has nothing left to pay."""

    code = "not_open"


@dataclass(frozen=True, slots=True)
class Money:
    """What came in.

    Args:
        key: names this payment for ever: the same key is the same payment.
    """

    key: str
    minor: int
    received_on: date
    method: Method = Method.TRANSFER
    bank_reference: str = ""

    def is_of(self, receipt: Receipt, invoice: Invoice) -> bool:
        """Return whether the receipt records exactly this, for this invoice."""
        mine = (self.minor, self.received_on, str(self.method), self.bank_reference)
        its = (receipt.amount_minor, receipt.received_on, receipt.method, receipt.bank_reference)
        return mine == its and receipt.allocations.filter(invoice=invoice).exists()


@transaction.atomic
def record_payment(invoice: Invoice, money: Money, *, at: datetime, by: str) -> Receipt:
    """Record a payment of an invoice, which is paid when nothing is left open.

    Payments into the same books take turns, so that a key is looked up after it was written.

    Raises:
        KeyReused: the key names another payment.
        NotOpen: the invoice is no longer, or not yet, to be paid.
        MoreThanOwed: names what is open.
    """
    row = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    ledger.take_turn(row.issuer)
    known = Receipt.objects.filter(issuer_id=row.issuer_id, idempotency_key=money.key).first()
    if known:
        if not money.is_of(known, row):
            raise KeyReused
        return known
    _check_open(row, money)
    receipt = _receive(row, money, at=at, by=by)
    ledger.post(row.issuer, _fact(row, receipt), at=at)
    record(receipt, "recorded", at=at, by=by, invoice=row.number, minor=money.minor)
    row.refresh_from_db(fields=["paid_minor"])
    if row.paid_minor == row.total_minor:
        move(row, State.PAID, at=at, by=by, why=f"payment {receipt.reference}")
        account = ledger.chart_of(row.issuer).receivable(row.organisation.reference)
        letter_item(row.issuer, account, row.number, at=at, by=by)
    return receipt


def _check_open(invoice: Invoice, money: Money) -> None:
    if invoice.state != State.ISSUED:
        raise NotOpen(f"{invoice} is {invoice.state}: nothing can be paid on it.")
    if not 0 < money.minor <= invoice.open_minor:
        is_open, given = (
            Amount(minor, invoice.currency) for minor in (invoice.open_minor, money.minor)
        )
        raise MoreThanOwed(f"{invoice} has {is_open} open, not {given}.")


def _receive(invoice: Invoice, money: Money, *, at: datetime, by: str) -> Receipt:
    receipt = Receipt.objects.create(
        organisation_id=invoice.organisation_id,
        issuer_id=invoice.issuer_id,
        idempotency_key=money.key,
        method=money.method,
        amount_minor=money.minor,
        currency=invoice.currency,
        received_on=money.received_on,
        bank_reference=money.bank_reference,
        recorded_at=at,
        recorded_by=by,
    )
    PaymentAllocation.objects.create(
        organisation_id=invoice.organisation_id,
        receipt=receipt,
        invoice=invoice,
        minor=money.minor,
    )
    return receipt


def _fact(invoice: Invoice, receipt: Receipt) -> ledger.Fact:
    chart = ledger.chart_of(invoice.issuer, on=receipt.received_on)
    return ledger.Fact(
        key=f"payment:{receipt.reference}",
        journal=Journal.BANK,
        currency=receipt.currency,
        description=f"Payment {receipt.reference} of {invoice.number}",
        amounts={
            chart.bank: receipt.amount_minor,
            chart.receivable(invoice.organisation.reference): -receipt.amount_minor,
        },
        piece=receipt.reference,
        piece_on=receipt.received_on,
        item=invoice.number,
        due_on=invoice.due_on,
    )
