"""The one way from a user to work on a node and to a check."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.maintenance.models import Check, NodeWork


def work_for(user: AnyUser, reference: str, *, right: Right) -> NodeWork:
    """Return the work if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = NodeWork.objects.visible_to(user)
    found = visible.select_related("organisation", "node", "occurrence__window")
    work = get_object_or_404(found, reference=reference)
    require(user, work.organisation, right)
    return work


def check_for(user: AnyUser, reference: str, *, right: Right) -> Check:
    """Return the check if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Check.objects.visible_to(user).select_related("organisation", "node")
    check = get_object_or_404(visible, reference=reference)
    require(user, check.organisation, right)
    return check
