"""The one way from a user to a billing run."""

from django.shortcuts import get_object_or_404

from billing.runs import queries
from billing.runs.models import BillingRun
from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right


def run_for(user: AnyUser, reference: str, *, right: Right) -> BillingRun:
    """Return the run if the user has this right on its issuer.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    run = get_object_or_404(queries.listed(user), reference=reference)
    require(user, run.organisation, right)
    return run
