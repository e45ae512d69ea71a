"""The one way from a user to a ticket, and who speaks in it for those who serve."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import memberships_of, require
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.tickets.models import Ticket


def ticket_for(user: AnyUser, reference: str, *, right: Right) -> Ticket:
    """Return the ticket if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Ticket.objects.visible_to(user).select_related(
        "organisation", "contract", "queue", "assignee", "merged_into"
    )
    ticket = get_object_or_404(visible, reference=reference)
    require(user, ticket.organisation, right)
    return ticket


def staff_ticket_for(user: AnyUser, reference: str) -> Ticket:
    """Return the ticket if the user speaks as staff in it.

    Raises:
        Http404, PermissionDenied: as `ticket_for`.
    """
    ticket = ticket_for(user, reference, right=Right.ANSWER_TICKETS)
    if not answers(user, ticket.organisation):
        raise PermissionDenied
    return ticket


def answers(user: AnyUser, organisation: Organisation) -> bool:
    """Return whether the user speaks as staff in this organisation's tickets.

    Staff stand above: a reseller's manager is staff to the reseller's customers and a customer to
    the provider. The provider has nobody above it and serves itself.
    """
    return any(
        Right.ANSWER_TICKETS in member.rights
        and organisation.path.startswith(member.organisation.path)
        and (member.organisation_id != organisation.pk or organisation.parent_id is None)
        for member in memberships_of(user)
    )
