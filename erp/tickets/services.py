"""Open tickets, talk in them, close them; one open ticket per cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.desk.models import Queue
from erp.desk.states import Priority
from erp.tickets import clocks, notices
from erp.tickets.models import Message, MessageFile, Ticket
from erp.tickets.states import Channel, Kind, State

# What may have changed since a ticket was read.
_MOVING = (
    "state", "state_since", "state_reason", "priority", "queue", "assignee", "answer_due_at",
    "answered_at", "resolve_due_at", "due_at", "paused_at", "paused_seconds", "escalated_at",
    "merged_into",
)  # fmt: skip


class EmptyMessage(DomainError):
    """A message needs words."""

    code = "empty_message"
    status = 422


class KeyReused(DomainError):
    """This form was sent before with other words: reload the page and write again."""

    code = "key_reused"


class ContinuedElsewhere(DomainError):
    """Another ticket about the same cause is open: write there."""

    code = "continued_elsewhere"


class NotTheirService(DomainError):
    """The service belongs to another organisation."""

    code = "not_their_service"
    status = 422


class ContinuedThere(DomainError):
    """This ticket was merged into another one: write there."""

    code = "continued_there"


@dataclass(frozen=True, slots=True)
class File:
    """A file as it came with a message."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """How a new ticket is worked; without a queue it waits in the seller's default one."""

    channel: Channel = Channel.PORTAL
    priority: Priority = Priority.NORMAL
    queue: Queue | None = None
    files: Sequence[File] = ()


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
    key: str | None = None,
    wish: Wish = Wish(),
) -> Ticket:
    """Open a conversation with its first message; the same key again is the same ticket.

    Raises:
        EmptyMessage: there are no words.
        KeyReused: the key names a ticket with other words.
        NotTheirService: the contract is not the organisation's.
    """
    if contract and contract.organisation_id != organisation.pk:
        raise NotTheirService
    ticket = Ticket(
        organisation=organisation,
        subject=subject,
        kind=kind,
        contract=contract,
        idempotency_key=key,
        channel=wish.channel,
        priority=wish.priority,
        queue=wish.queue,
    )
    try:
        with transaction.atomic():
            return _open(ticket, body=body, at=at, by=by, files=wish.files)
    except IntegrityError:
        return _opened_before(ticket, body)


def _opened_before(ticket: Ticket, body: str) -> Ticket:
    asked = Ticket.objects.filter(idempotency_key=ticket.idempotency_key)
    earlier = asked.get(organisation_id=ticket.organisation_id)
    first = earlier.messages.order_by("pk")[0]
    asked_for = (ticket.subject, ticket.contract_id, body.strip())
    if (earlier.subject, earlier.contract_id, first.body) != asked_for:
        raise KeyReused
    return earlier


def _open(
    ticket: Ticket, *, body: str, at: datetime, by: str, files: Sequence[File] = ()
) -> Ticket:
    ticket.opened_by, ticket.created_at = by, at
    ticket.state, ticket.state_since = State.OPEN, at
    ticket.queue = ticket.queue or clocks.default_queue(ticket.organisation)
    for column, value in clocks.began(ticket, at=at).items():
        setattr(ticket, column, value)
    ticket.save(force_insert=True)
    record(ticket, "opened", at=at, by=by, why=ticket.subject)
    notices.opened(ticket, _say(ticket, body, at=at, by=by, files=files))
    return ticket


def _say(
    ticket: Ticket,
    body: str,
    *,
    at: datetime,
    by: str,
    is_internal: bool = False,
    key: str | None = None,
    files: Sequence[File] = (),
) -> Message:
    if not body.strip():
        raise EmptyMessage
    message = Message.objects.create(
        organisation_id=ticket.organisation_id,
        ticket=ticket,
        author=by,
        body=body.strip(),
        is_internal=is_internal,
        at=at,
        idempotency_key=key,
    )
    MessageFile.objects.bulk_create(
        MessageFile(
            organisation_id=ticket.organisation_id, message=message, name=one.name,
            content_type=one.content_type, size=len(one.content), content=one.content,
        )
        for one in files
    )  # fmt: skip
    return message


@transaction.atomic
def reply(
    ticket: Ticket,
    body: str,
    *,
    at: datetime,
    by: str,
    is_staff: bool = False,
    is_internal: bool = False,
    key: str | None = None,
    files: Sequence[File] = (),
) -> Message:
    """Say something: an answer of the staff makes it the customer's turn, and the other way.

    Messages of one ticket take turns: its row is locked. The same key again is the same message.

    Raises:
        EmptyMessage: there are no words.
        KeyReused: the key names a message with other words.
        ContinuedElsewhere: it was closed, and its cause has another open ticket.
        ContinuedThere: it was merged into another ticket.
    """
    lock(ticket)
    if ticket.merged_into_id:
        raise ContinuedThere(f"This ticket was merged into {ticket.merged_into}: write there.")
    earlier = ticket.messages.filter(idempotency_key=key).first() if key else None
    if earlier:
        if (earlier.body, earlier.is_internal) != (body.strip(), is_internal):
            raise KeyReused
        return earlier
    message = _say(ticket, body, at=at, by=by, is_internal=is_internal, key=key, files=files)
    turn = State.WAITING if is_staff else State.OPEN
    if not is_internal and ticket.state != turn:
        _take_turn(ticket, turn, at=at, by=by)
    notices.said(ticket, message, is_staff=is_staff)
    return message


def lock(ticket: Ticket) -> None:
    """Have changes of one ticket take turns, and read what it is now."""
    Ticket.objects.select_for_update().get(pk=ticket.pk)
    ticket.refresh_from_db(fields=_MOVING)


def _take_turn(ticket: Ticket, turn: State, *, at: datetime, by: str) -> None:
    try:
        with transaction.atomic():
            move(ticket, turn, at=at, by=by, also=clocks.turned(ticket, turn, at=at))
    except IntegrityError as error:
        other = Ticket.objects.exclude(state=State.CLOSED).get(cause=ticket.cause)
        raise ContinuedElsewhere(
            f"{other.reference} is open about the same cause: write there."
        ) from error


@transaction.atomic
def close(ticket: Ticket, *, at: datetime, by: str, why: str = "") -> None:
    """End the conversation; a new message opens it again."""
    also = clocks.turned(ticket, State.CLOSED, at=at)
    move(ticket, State.CLOSED, at=at, by=by, why=why, also=also)
    notices.closed(ticket, at=at, by=by, why=why)


@transaction.atomic
def report_cause(
    cause: str,
    *,
    organisation: Organisation,
    subject: str,
    body: str,
    at: datetime,
    by: str,
    contract: Contract | None = None,
) -> Ticket:
    """Open the one incident of a cause, or add to it when it is open already.

    The opening is told by mail and webhook, what is added is collected for the closing mail.

    Args:
        contract: the service that it is about, where it is about one.
    """
    ticket = Ticket(
        organisation=organisation,
        subject=subject[:200],
        kind=Kind.INCIDENT,
        cause=cause,
        contract=contract,
        channel=Channel.SYSTEM,
        priority=Priority.HIGH,
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
