"""Answers that are given again and again, and what new tickets begin with."""

from collections.abc import Sequence

from erp.base import scope
from erp.customers.models import Organisation
from erp.desk.fields import filled
from erp.desk.models import CannedAnswer, TicketTemplate
from erp.desk.states import Priority
from erp.tickets.clocks import who_serves
from erp.tickets.models import Ticket
from erp.tickets.services import File, Wish

MOST = 100


def of(ticket: Ticket) -> list[CannedAnswer]:
    """Return the canned answers of who serves the ticket."""
    server = who_serves(ticket.organisation)
    return list(CannedAnswer.objects.filter(organisation=server).defer("body")[:MOST])


def text(ticket: Ticket, reference: str, *, agent: str) -> str:
    """Return a canned answer of who serves the ticket, filled in; nothing for another name."""
    server = who_serves(ticket.organisation)
    found = CannedAnswer.objects.filter(organisation=server, reference=reference).first()
    return filled(found.body, _values(ticket, agent)) if found else ""


def _values(ticket: Ticket, agent: str) -> dict[str, str]:
    theirs = ticket.messages.filter(is_internal=False).exclude(author=agent).order_by("-pk")
    last = theirs.values_list("author", flat=True).first()
    return {
        "ticket": ticket.reference,
        "subject": ticket.subject,
        "customer": ticket.organisation.name,
        "service": ticket.contract.name if ticket.contract else "your service",
        "person": last or ticket.organisation.name,
        "agent": agent,
    }


def templates_for(organisations: Sequence[Organisation]) -> list[TicketTemplate]:
    """Return what the sellers of these organisations offer to begin a ticket with."""
    sellers = {one.parent_id or one.pk for one in organisations}
    return list(TicketTemplate.objects.filter(organisation__in=sellers)[:MOST])


def wish_of(
    template: TicketTemplate | None, organisation: Organisation, *, files: Sequence[File] = ()
) -> Wish:
    """Return how a ticket is worked that began with a template of the organisation's seller."""
    if template is None or template.organisation_id != (organisation.parent_id or organisation.pk):
        return Wish(files=files)
    with scope.everything("a customer does not see the desk of its seller"):
        return Wish(priority=Priority(template.priority), queue=template.queue, files=files)
