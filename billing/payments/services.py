"""Record payments: one receipt with one entry, and what of it pays which invoices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction

from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger import services as ledger
from billing.ledger.chart import Chart, Part
from billing.ledger.lettering import letter_item
from billing.ledger.models import Journal
from billing.payments import fees, queries
from billing.payments.models import NOT_MONEY, Method, PaymentAllocation, Receipt
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount, exponent
from erp.customers.models import Organisation

# Invoices that one payment pays.
MOST_SHARES = 200
# What may be settled without money: in major units of any currency.
MOST_DIFFERENCE = 10
# Where a receipt is booked that is no money at the bank.
_PARTS = {
    Method.WRITE_OFF: Part.WRITE_OFF,
    Method.CHARGES: Part.BANK_CHARGES,
    Method.SEPA: Part.TRANSIT,
}


class KeyReused(DomainError):
    """This payment was sent before with other content: reload the page to record another."""

    code = "key_reused"


class MoreThanOwed(DomainError):
    """The payment is higher than what is open on the invoice."""

    code = "more_than_owed"


class NotOpen(DomainError):
    """The invoice has nothing left to pay."""

    code = "not_open"


class OthersInvoice(DomainError):
    """One payment pays invoices of one customer, from one seller and in one currency."""

    code = "others_invoice"
    status = 422


class TooMuchToWriteOff(DomainError):
    """Only small differences are settled without money: write a credit note."""

    code = "too_much_to_write_off"


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


@dataclass(frozen=True, slots=True)
class Payment:
    """Money from a payer to an issuer.

    Args:
        shares: keys of invoices to minor units; what is left is the payer's credit.
        is_prepaid: it pays invoices by itself as they are issued, until it expires.
    """

    issuer: Organisation
    payer: Organisation
    currency: str
    money: Money
    shares: Mapping[int, int] = field(default_factory=dict)
    is_prepaid: bool = False
    expires_at: datetime | None = None

    @property
    def allocated_minor(self) -> int:
        """Return how much of it pays invoices."""
        return sum(self.shares.values())

    @property
    def is_direct(self) -> bool:
        """Return whether it pays one invoice and nothing else: such a payment is one entry."""
        return len(self.shares) == 1 and self.allocated_minor == self.money.minor

    def is_in(self, receipt: Receipt) -> bool:
        """Return whether the receipt records exactly this; what was undone since was recorded."""
        money = self.money
        mine = (money.minor, money.received_on, str(money.method), money.bank_reference)
        its = (receipt.amount_minor, receipt.received_on, receipt.method, receipt.bank_reference)
        first = receipt.allocations.order_by("pk")[: max(len(self.shares), 1)]
        shares = {one.invoice_id: one.minor for one in first} if self.shares else {}
        terms = (receipt.organisation_id, receipt.currency, receipt.is_prepaid, receipt.expires_at)
        asked = (self.payer.pk, self.currency, self.is_prepaid, self.expires_at)
        return mine == its and shares == self.shares and terms == asked


def record_payment(invoice: Invoice, money: Money, *, at: datetime, by: str) -> Receipt:
    """Record a payment of one invoice and of its fees; raises as `receive` does."""
    known = PaymentAllocation.objects.filter(
        receipt__issuer=invoice.issuer_id, receipt__idempotency_key=money.key, invoice=invoice
    )
    over = money.minor - invoice.open_minor
    has_fee = 0 < over <= queries.open_fees([invoice.pk]).get(invoice.pk, 0)
    first = known.order_by("pk").first()
    share = first.minor if first else money.minor - over if has_fee else money.minor
    shares = {invoice.pk: share}
    payment = Payment(invoice.issuer, invoice.organisation, invoice.currency, money, shares)
    return receive(payment, at=at, by=by)


def settle_difference(
    invoice: Invoice, *, key: str, method: Method, why: str, at: datetime, by: str
) -> Receipt:
    """Settle what is still open on an invoice without money: a small difference, with the reason.

    Raises:
        TooMuchToWriteOff: a credit note corrects the tax too.
    """
    assert method in NOT_MONEY, "money is recorded with record_payment"
    known = Receipt.objects.filter(issuer_id=invoice.issuer_id, idempotency_key=key).first()
    if known:
        return known
    most = Amount(MOST_DIFFERENCE * 10 ** exponent(invoice.currency), invoice.currency)
    if invoice.open_minor > most.minor:
        raise TooMuchToWriteOff(
            f"{Amount(invoice.open_minor, invoice.currency)} is open on {invoice}: at most {most} "
            "is settled without money. Write a credit note instead."
        )
    on = ledger.day_in(invoice.issuer, at)
    return record_payment(invoice, Money(key, invoice.open_minor, on, method, why), at=at, by=by)


@transaction.atomic
def receive(payment: Payment, *, at: datetime, by: str) -> Receipt:
    """Record money that came in; an invoice is paid when nothing is left open on it.

    Payments into the same books take turns, so that a key is looked up after it was written.

    Raises:
        KeyReused: the key names another payment.
        NotOpen: an invoice is no longer, or not yet, to be paid.
        MoreThanOwed: names what is open.
        OthersInvoice: an invoice is of somebody else.
    """
    invoices = locked(payment.shares)
    ledger.take_turn(payment.issuer)
    known = Receipt.objects.filter(issuer=payment.issuer, idempotency_key=payment.money.key).first()
    if known:
        if not payment.is_in(known):
            raise KeyReused
        return known
    if payment.allocated_minor > payment.money.minor or len(invoices) > MOST_SHARES:
        raise MoreThanOwed("The parts are more than what came in.")
    for invoice in invoices:
        _check_open(invoice, payment)
    receipt = _receive(payment, at=at, by=by)
    item = invoices[0] if payment.is_direct else None
    ledger.post(payment.issuer, _fact(payment, receipt, item), at=at)
    record(receipt, "recorded", at=at, by=by, minor=receipt.amount_minor)
    for invoice in invoices:
        _share(receipt, invoice, payment, at=at, by=by)
    if not payment.is_direct:
        fees.pay_open(receipt, invoices, at=at, by=by)
    return receipt


def locked(keys: Mapping[int, int]) -> list[Invoice]:
    """Return the invoices, each locked, in the order of their keys."""
    rows = Invoice.objects.select_for_update(of=("self",)).filter(pk__in=keys)
    return list(rows.select_related("organisation", "issuer").order_by("pk"))


def _check_open(invoice: Invoice, payment: Payment) -> None:
    if invoice.state != State.ISSUED:
        raise NotOpen(f"{invoice} is {invoice.state}: nothing can be paid on it.")
    parties = (invoice.organisation_id, invoice.issuer_id, invoice.currency)
    if parties != (payment.payer.pk, payment.issuer.pk, payment.currency):
        raise OthersInvoice(f"{invoice} is not an invoice of {payment.payer} in this currency.")
    share = payment.shares[invoice.pk]
    if not 0 < share <= invoice.open_minor:
        is_open, given = (Amount(minor, invoice.currency) for minor in (invoice.open_minor, share))
        raise MoreThanOwed(f"{invoice} has {is_open} open, not {given}.")


def _receive(payment: Payment, *, at: datetime, by: str) -> Receipt:
    money = payment.money
    return Receipt.objects.create(
        organisation=payment.payer,
        issuer=payment.issuer,
        idempotency_key=money.key,
        method=money.method,
        amount_minor=money.minor,
        currency=payment.currency,
        received_on=money.received_on,
        bank_reference=money.bank_reference,
        is_prepaid=payment.is_prepaid,
        expires_at=payment.expires_at,
        recorded_at=at,
        recorded_by=by,
    )


def _fact(payment: Payment, receipt: Receipt, invoice: Invoice | None) -> ledger.Fact:
    """Return the one entry of a receipt: what pays no single invoice is the payer's credit."""
    chart = ledger.chart_of(payment.issuer, on=receipt.received_on)
    receivable = chart.receivable(payment.payer.reference)
    other = receivable if invoice else chart.code_for(Part.CREDIT_BALANCE)
    what = f"of {invoice.number}" if invoice else f"from {payment.payer.name}"
    return ledger.Fact(
        key=f"payment:{receipt.reference}",
        journal=journal_of(receipt),
        currency=receipt.currency,
        description=f"{Method(receipt.method).label} {receipt.reference} {what}",
        amounts={counterpart(chart, receipt): receipt.amount_minor, other: -receipt.amount_minor},
        piece=receipt.reference,
        piece_on=receipt.received_on,
        item=invoice.number if invoice else "",
        due_on=invoice.due_on if invoice else None,
    )


def counterpart(chart: Chart, receipt: Receipt) -> str:
    """Return the account on which a receipt is booked: the bank, or what stands for it."""
    return chart.code_for(_PARTS.get(Method(receipt.method), Part.BANK))


def journal_of(receipt: Receipt) -> Journal:
    """Return the journal in which a receipt is written."""
    return Journal.MISC if receipt.method in _PARTS else Journal.BANK


def _share(receipt: Receipt, invoice: Invoice, payment: Payment, *, at: datetime, by: str) -> None:
    made = PaymentAllocation.objects.create(
        organisation_id=receipt.organisation_id,
        receipt=receipt,
        invoice=invoice,
        minor=payment.shares[invoice.pk],
    )
    if not payment.is_direct:
        ledger.post(payment.issuer, allocation_fact(made, "allocation", -1, at=at), at=at)
    settle(invoice, why=f"payment {receipt.reference}", at=at, by=by)


def allocation_fact(made: PaymentAllocation, kind: str, sign: int, *, at: datetime) -> ledger.Fact:
    """Return the entry that moves an allocation between invoice and credit; -1 pays."""
    invoice, receipt = made.invoice, made.receipt
    chart = ledger.chart_of(receipt.issuer, on=ledger.day_in(receipt.issuer, at))
    receivable = chart.receivable(invoice.organisation.reference)
    return ledger.Fact(
        key=f"{kind}:{receipt.reference}:{made.pk}",
        journal=Journal.BANK,
        currency=receipt.currency,
        description=f"{kind.replace('_', ' ').capitalize()} of {receipt.reference}: {invoice}",
        amounts={
            chart.code_for(Part.CREDIT_BALANCE): -sign * made.minor,
            receivable: sign * made.minor,
        },
        piece=receipt.reference,
        piece_on=receipt.received_on,
        item=invoice.number,
        due_on=invoice.due_on,
    )


def settle(invoice: Invoice, *, why: str, at: datetime, by: str) -> None:
    """Mark an invoice as paid when nothing is open, and letter what belongs to it."""
    invoice.refresh_from_db(fields=["paid_minor"])
    if not invoice.open_minor:
        move(invoice, State.PAID, at=at, by=by, why=why)
        account = ledger.chart_of(invoice.issuer).receivable(invoice.organisation.reference)
        letter_item(invoice.issuer, account, invoice.number, at=at, by=by)
