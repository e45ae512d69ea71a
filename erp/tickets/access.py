"""The one way from a user to a ticket."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require
from erp.customers.states import Right
from erp.tickets.models import Ticket


def ticket_for(user: AnyUser, reference: str, *, right: Right) -> Ticket:
    """Return the ticket if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Ticket.objects.visible_to(user).select_related("organisation", "contract")
    ticket = get_object_or_404(visible, reference=reference)
    require(user, ticket.organisation, right)
    return ticket
