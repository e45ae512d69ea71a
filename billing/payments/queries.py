"""Which receipts a reader sees."""

from django.db.models import QuerySet

from billing.invoicing.models import Invoice
from billing.payments.models import PaymentAllocation, Receipt
from erp.base.tenancy import AnyUser


def listed(user: AnyUser) -> QuerySet[Receipt]:
    """Return the receipts that the user sees, newest first."""
    found = Receipt.objects.visible_to(user).select_related("organisation", "issuer")
    return found.prefetch_related("allocations__invoice").order_by("-pk")


def of_invoice(invoice: Invoice) -> QuerySet[PaymentAllocation]:
    """Return what was paid on an invoice, oldest first."""
    return invoice.allocations.select_related("receipt").order_by("pk")
