"""Which receipts a reader sees."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, Min, OuterRef, Prefetch, Q, QuerySet, Sum

from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.payments.models import NOT_MONEY, Fee, PaymentAllocation, Payout, Receipt
from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of
from erp.customers.states import Right


def listed(user: AnyUser) -> QuerySet[Receipt]:
    """Return the receipts that the user sees, newest first."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        if member.rights & {Right.PAY, Right.RUN_BILLING}:
            seen |= Q(organisation__path__startswith=member.organisation.path)
    found = Receipt.objects.filter(seen).select_related("organisation", "issuer")
    standing = PaymentAllocation.objects.filter(undone_at=None).select_related("invoice")
    return found.prefetch_related(Prefetch("allocations", standing)).order_by("-pk")


def of_invoice(invoice: Invoice) -> QuerySet[PaymentAllocation]:
    """Return what is paid on an invoice, oldest first."""
    return invoice.allocations.filter(undone_at=None).select_related("receipt").order_by("pk")


def money_on(invoice: Invoice) -> QuerySet[PaymentAllocation]:
    """Return the money that pays an invoice: what was written off is none."""
    standing = invoice.allocations.filter(undone_at=None).exclude(receipt__method__in=NOT_MONEY)
    return standing.select_related("receipt__issuer", "receipt__organisation")


def in_excess() -> QuerySet[Invoice]:
    """Return the invoices on which more money is than is owed of them since they were credited."""
    paid = Invoice.objects.filter(total_minor__lt=F("paid_minor") + F("credited_minor"))
    money = PaymentAllocation.objects.filter(invoice=OuterRef("pk"), undone_at=None)
    return paid.filter(Exists(money.exclude(receipt__method__in=NOT_MONEY))).order_by("pk")


def allocations_of(receipt: Receipt) -> QuerySet[PaymentAllocation]:
    """Return what a receipt paid, oldest first, also what was taken off again."""
    return receipt.allocations.select_related("invoice").order_by("pk")


def payouts_of(receipt: Receipt) -> QuerySet[Payout]:
    """Return what of a receipt went out again, oldest first."""
    return receipt.payouts.order_by("pk")


def payable_by(receipt: Receipt) -> QuerySet[Invoice]:
    """Return the open invoices that credit of a receipt may pay, the oldest due first."""
    return Invoice.objects.filter(
        organisation_id=receipt.organisation_id,
        issuer_id=receipt.issuer_id,
        currency=receipt.currency,
        state=State.ISSUED,
    ).order_by("due_on", "pk")


def open_fees(invoices: Collection[int]) -> dict[int, int]:
    """Return how much of the fees of each invoice is open, where some is."""
    left = Sum(F("minor") - F("paid_minor") - F("waived_minor"))
    found = Fee.objects.filter(invoice__in=invoices).order_by("invoice").values("invoice")
    return dict(found.annotate(left=left).filter(left__gt=0).values_list("invoice", "left"))


def fees_of(invoice: Invoice) -> QuerySet[Fee]:
    """Return the fees that were claimed for an invoice, oldest first."""
    return invoice.fees.order_by("pk")


def fees_payable_by(receipt: Receipt) -> QuerySet[Fee]:
    """Return the open fees that a receipt's payer owes its issuer, oldest first."""
    owed = Fee.objects.filter(
        organisation_id=receipt.organisation_id,
        issuer_id=receipt.issuer_id,
        currency=receipt.currency,
        minor__gt=F("paid_minor") + F("waived_minor"),
    )
    return owed.select_related("invoice").order_by("pk")


@dataclass(frozen=True, slots=True)
class Left:
    """What prepaid credit of one currency is left, and when the first of it expires."""

    currency: str
    minor: int
    expires_at: datetime | None


def left_by_currency(found: QuerySet[Receipt], at: datetime) -> list[Left]:
    """Return what is left of some receipts at a moment; what has expired is not."""
    valid = found.filter(Q(expires_at=None) | Q(expires_at__gt=at))
    left = F("amount_minor") - F("allocated_minor") - F("paid_out_minor")
    some = valid.annotate(left=left).filter(left__gt=0).order_by("currency").values("currency")
    sums = some.annotate(minor=Sum("left"), first=Min("expires_at"))
    return [Left(one["currency"], one["minor"], one["first"]) for one in sums]
