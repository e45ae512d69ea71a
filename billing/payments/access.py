"""The one way from a user to a receipt."""

from django.db.models import Q
from django.shortcuts import get_object_or_404

from billing.payments.models import Fee, Receipt
from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of, require, sellers_for
from erp.customers.states import Right


def receipt_for(user: AnyUser, reference: str, *, right: Right) -> Receipt:
    """Return the receipt: who bills for its issuer acts on it, its payer reads it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        path = member.organisation.path
        if Right.PAY in member.rights:
            seen |= Q(organisation__path__startswith=path)
        if Right.RUN_BILLING in member.rights:
            seen |= Q(issuer__path__startswith=path)
    found = Receipt.objects.filter(seen).select_related("organisation", "issuer")
    receipt = get_object_or_404(found, reference=reference)
    require(user, receipt.organisation if right == Right.PAY else receipt.issuer, right)
    return receipt


def fee_for(user: AnyUser, reference: str) -> Fee:
    """Return the fee, to who bills for its issuer.

    Raises:
        Http404: the user may not even know that it exists.
    """
    found = Fee.objects.filter(issuer__in=sellers_for(user, Right.RUN_BILLING))
    return get_object_or_404(found.select_related("issuer", "invoice"), reference=reference)
