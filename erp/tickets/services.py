"""Open tickets, talk in them, close them; one open ticket per cause."""

from datetime import datetime

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.tickets.models import Message, Ticket
from erp.tickets.states import Kind, State


class EmptyMessage(DomainError):
    """A message needs words."""

    code = "empty_message"
    status = 422


@transaction.atomic
def open_ticket(
    organisation: Organisation,
    *,
    subject: str,
    body: str,
    at: datetime,
    by: str,
    kind: Kind = Kind.SUPPORT,
    contract: Contract | None = None,
) -> Ticket:
    """Open a conversation with its first message."""
    return _open(
        Ticket(organisation=organisation, subject=subject, kind=kind, contract=contract),
        body=body,
        at=at,
        by=by,
    )


def _open(ticket: Ticket, *, body: str, at: datetime, by: str) -> Ticket:
    ticket.opened_by, ticket.created_at = by, at
    ticket.state, ticket.state_since = State.OPEN, at
    ticket.save(force_insert=True)
    record(ticket, "opened", at=at, by=by, why=ticket.subject)
    _say(ticket, body, at=at, by=by)
    return ticket


def _say(ticket: Ticket, body: str, *, at: datetime, by: str, is_internal: bool = False) -> Message:
    if not body.strip():
        raise EmptyMessage
    return Message.objects.create(
        organisation_id=ticket.organisation_id,
        ticket=ticket,
        author=by,
        body=body.strip(),
        is_internal=is_internal,
        at=at,
    )


@transaction.atomic
def reply(
    ticket: Ticket,
    body: str,
    *,
    at: datetime,
    by: str,
    is_staff: bool = False,
    is_internal: bool = False,
) -> Message:
    """Say something: an answer of the staff makes it the customer's turn, and the other way."""
    message = _say(ticket, body, at=at, by=by, is_internal=is_internal)
    turn = State.WAITING if is_staff else State.OPEN
    if not is_internal and ticket.state != turn:
        move(ticket, turn, at=at, by=by)
    return message


def close(ticket: Ticket, *, at: datetime, by: str, why: str = "") -> None:
    """End the conversation; a new message opens it again."""
    move(ticket, State.CLOSED, at=at, by=by, why=why)


@transaction.atomic
def report_cause(
    cause: str, *, organisation: Organisation, subject: str, body: str, at: datetime, by: str
) -> Ticket:
    """Open the one incident of a cause, or add to it when it is open already."""
    ticket = Ticket(
        organisation=organisation, subject=subject[:200], kind=Kind.INCIDENT, cause=cause
    )
    try:
        with transaction.atomic():
            return _open(ticket, body=body, at=at, by=by)
    except IntegrityError:
        known = Ticket.objects.exclude(state=State.CLOSED).get(cause=cause)
        _say(known, body, at=at, by=by)
        return known


@transaction.atomic
def resolve_cause(cause: str, *, body: str, at: datetime, by: str) -> None:
    """Close the incident of a cause that is over; without one nothing happens."""
    ticket = Ticket.objects.filter(cause=cause).exclude(state=State.CLOSED).first()
    if ticket:
        _say(ticket, body, at=at, by=by)
        close(ticket, at=at, by=by, why="over")
