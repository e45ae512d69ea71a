"""The one way from a user to a service credit."""

from django.shortcuts import get_object_or_404

from billing.sla import queries
from billing.sla.models import ServiceCredit
from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right


def credit_for(user: AnyUser, reference: str, *, right: Right) -> ServiceCredit:
    """Return the credit if the user has this right: on the buyer, or, to bill, on the issuer.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    found = get_object_or_404(queries.visible(user), reference=reference)
    require(user, found.issuer if right == Right.RUN_BILLING else found.organisation, right)
    return found
