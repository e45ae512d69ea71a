"""A customer disputes an invoice: a ticket about it, and no dunning of it while that is open."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.dunning.models import DunningHold, HoldKind
from billing.dunning.services import Pause, hold
from billing.invoicing.models import Invoice
from billing.invoicing.subjects import line_subject, subject_of
from erp.base.errors import DomainError
from erp.tickets.models import Ticket
from erp.tickets.services import open_ticket
from erp.tickets.states import State as Talk
from erp.tickets.working import link


class NothingToDispute(DomainError):
    """Only an issued invoice that is not settled can be disputed: open a ticket about it."""

    code = "nothing_to_dispute"


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with an invoice, and with which line; the key names the form."""

    why: str
    key: str
    position: int | None = None


def dispute_of(invoice: Invoice) -> DunningHold | None:
    """Return the dispute of an invoice, also one that is over: there is one and no second."""
    found = DunningHold.objects.filter(invoice=invoice, kind=HoldKind.DISPUTE)
    return found.exclude(ticket=None).select_related("ticket").order_by("pk").first()


def holds(dispute: DunningHold) -> bool:
    """Return whether a dispute still pauses dunning: its ticket is open, nobody ended it."""
    is_open = dispute.ticket is not None and dispute.ticket.state != Talk.CLOSED
    return is_open and dispute.ended_at is None


@transaction.atomic
def dispute(invoice: Invoice, objection: Objection, *, at: datetime, by: str) -> Ticket:
    """Open the one ticket in which an invoice is disputed; disputing again is the same ticket.

    Dunning of the invoice waits while the ticket is open, unless the seller ends the hold.

    Raises:
        NothingToDispute: there is nothing open on it.
    """
    row = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    earlier = dispute_of(invoice)
    if earlier and earlier.ticket:
        return earlier.ticket
    if row.open_minor <= 0:
        raise NothingToDispute
    ticket = open_ticket(
        invoice.organisation, subject=f"Invoice {invoice.number} is disputed",
        body=objection.why, contract=invoice.contract, key=objection.key, at=at, by=by,
    )  # fmt: skip
    link(ticket, subject_of(invoice), at=at, by=by)
    about = line_subject(invoice, objection.position) if objection.position else None
    if about:
        link(ticket, about, at=at, by=by)
    pause = Pause(HoldKind.DISPUTE, objection.why, invoice=invoice, ticket=ticket)
    hold(invoice.issuer, invoice.organisation, pause, at=at, by=by)
    return ticket
