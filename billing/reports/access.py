"""The one way from a user to the statement of a customer."""

from django.http import Http404

from erp.base.tenancy import AnyUser
from erp.customers.access import organisation_for, require, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right


def customer_for(user: AnyUser, reference: str) -> Organisation:
    """Return a customer whose invoices the user sees.

    Raises:
        Http404: the user may not even know that it exists, or nobody sells to it.
        PermissionDenied: the user sees no invoices of it.
    """
    customer = organisation_for(user, reference, right=Right.SEE)
    require(user, customer, Right.SEE_INVOICES)
    if customer.parent is None:
        raise Http404
    return customer


def may_mail(user: AnyUser, customer: Organisation) -> bool:
    """Return whether the user has statements mailed: who pays there, or who bills it."""
    seller = customer.parent
    assert seller is not None, "see customer_for"
    is_biller = Right.RUN_BILLING in rights_of(user, seller)
    return is_biller or Right.PAY in rights_of(user, customer)
