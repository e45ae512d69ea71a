"""Who sets up a desk: those who answer tickets there or above."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.customers.access import require, sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.desk.models import Calendar, CannedAnswer, Queue, TicketTemplate

Part = Queue | Calendar | CannedAnswer | TicketTemplate
KINDS: dict[str, type[Part]] = {
    "queue": Queue,
    "calendar": Calendar,
    "answer": CannedAnswer,
    "template": TicketTemplate,
}


def desks_for(user: AnyUser) -> list[Organisation]:
    """Return the sellers whose desks the user may set up.

    Raises:
        PermissionDenied: there is none.
    """
    desks = sellers_for(user, Right.ANSWER_TICKETS)
    if not desks:
        raise PermissionDenied
    return desks


def desk_for(user: AnyUser, reference: str) -> Organisation:
    """Return the desk of a seller; without a reference the user's first.

    Raises:
        Http404: there is no such desk for this user.
        PermissionDenied: the user works at none.
    """
    desks = desks_for(user)
    found = next((one for one in desks if not reference or one.reference == reference), None)
    if found is None:
        raise Http404
    return found


def part_for(user: AnyUser, kind: str, reference: str) -> Part:
    """Return a queue, calendar, answer or template that the user may change.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not change it.
    """
    model: Any = KINDS[kind]
    visible = model.objects.visible_to(user).select_related("organisation")
    found: Part = get_object_or_404(visible, reference=reference)
    require(user, found.organisation, Right.ANSWER_TICKETS)
    return found
