"""The one way from a user to a contract."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.customers.access import require
from erp.customers.states import Right


def contract_for(user: AnyUser, reference: str, *, right: Right) -> Contract:
    """Return the contract if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Contract.objects.visible_to(user).select_related("organisation", "seller")
    contract = get_object_or_404(visible, reference=reference)
    require(user, contract.organisation, right)
    return contract
