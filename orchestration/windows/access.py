"""The one way from a user to a window and to one time of it."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.windows.models import MaintenanceWindow, Occurrence


def window_for(user: AnyUser, reference: str, *, right: Right) -> MaintenanceWindow:
    """Return the window if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = MaintenanceWindow.objects.visible_to(user)
    found = visible.select_related("organisation", "node", "contract")
    window = get_object_or_404(found, reference=reference)
    require(user, window.organisation, right)
    return window


def occurrence_for(user: AnyUser, reference: str, *, right: Right) -> Occurrence:
    """Return one time of a window if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Occurrence.objects.visible_to(user)
    found = visible.select_related("organisation", "window__contract", "window__node")
    occurrence = get_object_or_404(found, reference=reference)
    require(user, occurrence.organisation, right)
    return occurrence


def contract_seen_by(user: AnyUser, reference: str) -> Contract:
    """Return the contract if the user may see it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not this of it.
    """
    visible = Contract.objects.visible_to(user).select_related("organisation")
    contract = get_object_or_404(visible, reference=reference)
    require(user, contract.organisation, Right.SEE)
    return contract
