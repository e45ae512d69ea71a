"""The one way from a user to an invoice."""

from django.shortcuts import get_object_or_404

from billing.invoicing.models import Invoice
from billing.invoicing.queries import visible
from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right

# What the issuer does to an invoice; everything else is the buyer's right.
_ISSUERS = frozenset({Right.RUN_BILLING})


def invoice_for(user: AnyUser, reference: str, *, right: Right) -> Invoice:
    """Return the invoice if the user has this right: on the buyer, or, to bill, on the issuer.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    invoice = get_object_or_404(visible(user), reference=reference)
    require(user, invoice.issuer if right in _ISSUERS else invoice.organisation, right)
    return invoice
