"""Which receipts a reader sees."""

from django.db.models import Q, QuerySet

from billing.invoicing.models import Invoice
from billing.payments.models import PaymentAllocation, Receipt
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
    return found.prefetch_related("allocations__invoice").order_by("-pk")


def of_invoice(invoice: Invoice) -> QuerySet[PaymentAllocation]:
    """Return what was paid on an invoice, oldest first."""
    return invoice.allocations.select_related("receipt").order_by("pk")
