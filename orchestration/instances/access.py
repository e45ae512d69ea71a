"""The one way from a user to an instance."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.contracts.models import ContractLine
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.instances.models import Instance


def instance_for(user: AnyUser, reference: str, *, right: Right) -> Instance:
    """Return the instance if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Instance.objects.visible_to(user).select_related("organisation", "release", "line")
    instance = get_object_or_404(visible, reference=reference)
    require(user, instance.organisation, right)
    return instance


def line_for(user: AnyUser, pk: int, *, right: Right) -> ContractLine:
    """Return the contract line if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = ContractLine.objects.visible_to(user).select_related("organisation", "contract")
    line = get_object_or_404(visible, pk=pk)
    require(user, line.organisation, right)
    return line
