"""The one way from a user to an order."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right
from erp.orders.models import Order


def order_for(user: AnyUser, reference: str, *, right: Right) -> Order:
    """Return the order if the user has this right: on the buyer, or, to decide, on the seller.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Order.objects.visible_to(user).select_related("organisation", "seller", "plan__offer")
    order = get_object_or_404(visible, reference=reference)
    require(user, order.seller if right == Right.DECIDE_ORDERS else order.organisation, right)
    return order
