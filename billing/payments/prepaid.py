"""Prepaid credit: topped up, first to expire first to pay, and forfeited when it expires.

It is a receipt like any other, on the same account of the books, that pays invoices by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from billing.invoicing.models import Invoice
from billing.ledger import services as ledger
from billing.payments import credit
from billing.payments.left import locked_receipt
from billing.payments.models import Payout, PayoutKind, Receipt
from billing.payments.services import Money, Payment, receive
from erp.base.errors import DomainError
from erp.customers.models import Organisation

BY = "payments"


class ExpiresTooEarly(DomainError):
    """Credit expires in the future, or never."""

    code = "expires_too_early"
    status = 422


def top_up(
    payer: Organisation, money: Money, *, expires_at: datetime | None, at: datetime, by: str
) -> Receipt:
    """Record money that a customer pays to its seller in advance; the same key is the same top-up.

    Raises:
        ExpiresTooEarly: it would have expired already.
        KeyReused: the key names another payment.
    """
    if expires_at and expires_at <= at:
        raise ExpiresTooEarly
    seller = payer.parent or payer
    payment = Payment(seller, payer, payer.currency, money, is_prepaid=True, expires_at=expires_at)
    return receive(payment, at=at, by=by)


def usable(at: datetime) -> QuerySet[Receipt]:
    """Return the prepaid credit of which something is left at a moment, first to expire first."""
    left = Q(amount_minor__gt=F("allocated_minor") + F("paid_out_minor"))
    valid = Q(expires_at=None) | Q(expires_at__gt=at)
    found = Receipt.objects.filter(left, valid, is_prepaid=True)
    return found.order_by(F("expires_at").asc(nulls_last=True), "pk")


def expired(at: datetime) -> QuerySet[Receipt]:
    """Return the prepaid credit that has expired and of which something is left."""
    left = Q(amount_minor__gt=F("allocated_minor") + F("paid_out_minor"))
    return Receipt.objects.filter(left, is_prepaid=True, expires_at__lte=at).order_by("pk")


@transaction.atomic
def forfeit(receipt: Receipt, *, at: datetime) -> Payout | None:
    """Take what is left of expired credit out of the books' credit; again, it changes nothing."""
    row = locked_receipt(receipt)
    if not row.expires_at or row.expires_at > at or row.credit_minor <= 0:
        return None
    out = credit.Out(
        # What a taken off payment gives back to expired credit expires too, under its own key.
        key=f"expired:{row.allocated_minor}:{row.paid_out_minor}",
        kind=PayoutKind.EXPIRED,
        minor=row.credit_minor,
        paid_on=ledger.day_in(row.issuer, at),
        why=f"expired on {row.expires_at:%Y-%m-%d}",
    )
    return credit.pay_out(row, out, at=at, by=BY)


class PrepaidReceipts:
    """The answer to `billing.invoicing.prepaid.PrepaidSource`."""

    def held(self, invoices: Sequence[Invoice], *, at: datetime) -> Mapping[int, Mapping[int, int]]:
        """Return which receipts pay how much of each invoice, with the receipts locked."""
        wanted = [one for one in invoices if one.total_minor > 0 and one.replaces_id is None]
        if not wanted:
            return {}
        payers = {one.organisation_id for one in wanted}
        rows = usable(at).filter(issuer=wanted[0].issuer_id, organisation__in=payers)
        # Locked in the order of their keys, by all who take more than one; spent as they expire.
        held = list(rows.order_by("pk").select_for_update(of=("self",)))
        held.sort(key=lambda one: (one.expires_at is None, one.expires_at, one.pk))
        left = {one.pk: one.credit_minor for one in held}
        found: dict[int, dict[int, int]] = {}
        for invoice in wanted:
            its = [one for one in held if _may_pay(one, invoice)]
            shares = _shares(invoice.total_minor, its, left)
            if shares:
                found[invoice.pk] = shares
        return found

    def pay(self, invoice: Invoice, shares: Mapping[int, int], *, at: datetime, by: str) -> None:
        """Pay an issued invoice with what was held for it."""
        receipts = Receipt.objects.in_bulk(list(shares))
        for pk, minor in shares.items():
            credit.allocate(receipts[pk], invoice, minor, at=at, by=by)


def _may_pay(receipt: Receipt, invoice: Invoice) -> bool:
    its = (receipt.organisation_id, receipt.currency)
    return its == (invoice.organisation_id, invoice.currency)


def _shares(owed: int, receipts: Sequence[Receipt], left: dict[int, int]) -> dict[int, int]:
    """Return what of each receipt pays an amount, and take it off what is left of them."""
    found: dict[int, int] = {}
    for one in receipts:
        minor = min(owed, left[one.pk])
        if minor > 0:
            found[one.pk] = minor
            left[one.pk] -= minor
            owed -= minor
    return found
