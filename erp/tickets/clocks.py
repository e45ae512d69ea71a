"""The clocks of a ticket: what was promised, when it runs out, how the customer's turn pauses it.

The first answer is due so many working minutes after the opening; the resolution too, later by the
working time in which it was the customer's turn or the ticket was closed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from erp.base import scope
from erp.customers.models import Organisation
from erp.desk.clock import ALWAYS, Hours, after, worked
from erp.desk.models import Queue, Target
from erp.tickets.models import Ticket
from erp.tickets.states import Kind, State

Columns = Mapping[str, Any]


def who_serves(organisation: Organisation) -> Organisation:
    """Return who answers an organisation's tickets: its seller; the provider serves itself."""
    with scope.everything("a customer's message is told to its seller"):
        return organisation.parent or organisation


def default_queue(organisation: Organisation) -> Queue | None:
    """Return where new tickets of an organisation wait; None while its seller has no queues."""
    with scope.everything("a customer does not see the desk of its seller"):
        mine = Queue.objects.filter(organisation_id=organisation.parent_id or organisation.pk)
        return mine.filter(is_default=True).select_related("calendar").first()


def began(ticket: Ticket, *, at: datetime) -> Columns:
    """Return the columns of a ticket whose clocks start, or start anew with another promise."""
    promised, hours = _promised(ticket)
    columns = {
        "answer_due_at": _due(ticket, promised.answer_minutes, hours, later=0),
        "resolve_due_at": _due(
            ticket, promised.resolve_minutes, hours, later=ticket.paused_seconds
        ),
    }
    return _with_due(ticket, columns, str(ticket.state), at=at)


def turned(ticket: Ticket, to: str, *, at: datetime) -> Columns:
    """Return the columns that change when it becomes somebody else's turn."""
    columns: dict[str, Any] = {}
    if to == State.WAITING and ticket.answered_at is None:
        columns["answered_at"] = at
    if to == State.OPEN and ticket.paused_at is not None:
        columns |= _resumed(ticket, at=at)
    elif to != State.OPEN and ticket.paused_at is None:
        columns["paused_at"] = at
    return _with_due(ticket, columns, to, at=at)


def _resumed(ticket: Ticket, *, at: datetime) -> dict[str, Any]:
    promised, hours = _promised(ticket)
    assert ticket.paused_at is not None, "see turned"
    paused = ticket.paused_seconds + worked(ticket.paused_at, at, hours)
    due_at = _due(ticket, promised.resolve_minutes, hours, later=paused)
    return {"paused_at": None, "paused_seconds": paused, "resolve_due_at": due_at}


def _promised(ticket: Ticket) -> tuple[Target, Hours]:
    """Return what its queue promises for its priority; a target without minutes is no promise."""
    if ticket.queue_id is None or ticket.kind == Kind.MAINTENANCE:
        return Target(), ALWAYS
    with scope.everything("a customer does not see the desk of its seller"):
        queue = Queue.objects.select_related("calendar").get(pk=ticket.queue_id)
        target = queue.targets.filter(priority=ticket.priority).first()
    return target or Target(), queue.calendar.hours if queue.calendar else ALWAYS


def _due(ticket: Ticket, minutes: int | None, hours: Hours, *, later: int) -> datetime | None:
    return None if minutes is None else after(ticket.created_at, minutes * 60 + later, hours)


def _with_due(ticket: Ticket, columns: dict[str, Any], state: str, *, at: datetime) -> Columns:
    """Add which clock runs now; one that is not over yet will be told of when it is."""

    def now_is(name: str) -> Any:
        return columns.get(name, getattr(ticket, name))

    running = [now_is("resolve_due_at")]
    if now_is("answered_at") is None:
        running.append(now_is("answer_due_at"))
    due_at = min(filter(None, running), default=None) if state == State.OPEN else None
    if due_at is not None and due_at > at:
        columns["escalated_at"] = None
    return columns | {"due_at": due_at}
