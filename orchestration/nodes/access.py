"""The one way from a user to a node."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.nodes.models import ComputeNode


def node_for(user: AnyUser, reference: str, *, right: Right) -> ComputeNode:
    """Return the node if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = ComputeNode.objects.visible_to(user).select_related("organisation", "dedicated_to")
    node = get_object_or_404(visible, reference=reference)
    require(user, node.organisation, right)
    return node
