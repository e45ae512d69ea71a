"""What those who serve do with a ticket besides talking: route, merge, link, act, escalate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.desk.models import Queue
from erp.desk.states import Priority
from erp.ports import Subject
from erp.tickets import clocks, notices
from erp.tickets.models import Message, Satisfaction, Ticket, TicketLink
from erp.tickets.services import lock
from erp.tickets.states import Said, State

MOST_LINKS = 50
MOST_MERGED = 50
BY = "clock"


class CannotBeMerged(DomainError):
    """These two tickets cannot become one."""

    code = "cannot_be_merged"
    status = 422


class TooManyLinks(DomainError):
    """A ticket has at most 50 links."""

    code = "too_many_links"


class NotClosed(DomainError):
    """A ticket is judged when it is closed."""

    code = "not_closed"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket waits, for whom, and how urgent it is."""

    queue: Queue | None
    assignee: User | None
    priority: Priority


@transaction.atomic
def route(ticket: Ticket, to: Route, *, at: datetime, by: str, why: str = "") -> None:
    """Hand a ticket to a queue, a person and a priority; its promises are those of the new queue.

    The time in which it was the customer's turn stays its own; the same route changes nothing.
    """
    lock(ticket)
    before = _route_of(ticket)
    ticket.queue, ticket.assignee, ticket.priority = to.queue, to.assignee, to.priority
    after = _route_of(ticket)
    if before == after:
        return
    columns = dict(clocks.began(ticket, at=at))
    _change(ticket, columns | {"queue": to.queue, "assignee": to.assignee, "priority": to.priority})
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    record(ticket, "routed", at=at, by=by, why=why or _in_words(changed), changed=changed)


def _route_of(ticket: Ticket) -> dict[str, str]:
    return {
        "queue": ticket.queue.name if ticket.queue else "",
        "assignee": ticket.assignee.get_username() if ticket.assignee else "",
        "priority": Priority(ticket.priority).label,
    }


def _in_words(changed: Mapping[str, list[str]]) -> str:
    return ", ".join(f"{name}: {new or 'nobody'}" for name, (_, new) in changed.items())


def _change(ticket: Ticket, columns: Mapping[str, Any]) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(**columns)
    for name, value in columns.items():
        setattr(ticket, name, value)


@transaction.atomic
def take(ticket: Ticket, user: User, *, at: datetime) -> None:
    """Make a ticket one's own; taking it again changes nothing."""
    lock(ticket)
    to = Route(ticket.queue, user, Priority(ticket.priority))
    route(ticket, to, at=at, by=user.get_username())


@transaction.atomic
def merge(ticket: Ticket, into: Ticket, *, at: datetime, by: str) -> None:
    """Continue a ticket in another one of the same organisation: both threads are read as one.

    Nothing is copied or changed: the messages stay where they were said. What was merged into the
    ticket before goes along. Doing it again changes nothing.

    Raises:
        CannotBeMerged: says why.
    """
    for one in sorted((ticket, into), key=lambda row: row.pk):
        lock(one)
    if ticket.merged_into_id == into.pk:
        return
    _check_merge(ticket, into)
    earlier = list(ticket.merged.all()[: MOST_MERGED + 1])
    if len(earlier) + into.merged.count() >= MOST_MERGED:
        raise CannotBeMerged(f"At most {MOST_MERGED} tickets become one.")
    why = f"merged into {into.reference}"
    if ticket.state != State.CLOSED:
        also = clocks.turned(ticket, State.CLOSED, at=at)
        move(ticket, State.CLOSED, at=at, by=by, why=why, also=also)
    ticket.merged.update(merged_into=into)
    _change(ticket, {"merged_into": into})
    record(into, "merged", at=at, by=by, why=f"{ticket.reference} goes on here")
    for about in ticket.links.all():
        _link_once(into, about)


def _check_merge(ticket: Ticket, into: Ticket) -> None:
    if ticket.pk == into.pk:
        raise CannotBeMerged("A ticket cannot be merged into itself.")
    if ticket.organisation_id != into.organisation_id:
        raise CannotBeMerged("The two tickets belong to two organisations.")
    if into.merged_into_id:
        raise CannotBeMerged(f"{into} was itself merged into {into.merged_into}.")
    if ticket.merged_into_id:
        raise CannotBeMerged(f"{ticket} was merged into {ticket.merged_into} before.")
    if ticket.cause:
        raise CannotBeMerged("An incident closes by itself: link it to the other one instead.")


def _link_once(ticket: Ticket, link: TicketLink) -> None:
    facts = {"title": link.title, "path": link.path, "is_internal": link.is_internal}
    TicketLink.objects.get_or_create(
        ticket=ticket, kind=link.kind, reference=link.reference,
        defaults=facts | {"organisation_id": ticket.organisation_id},
    )  # fmt: skip


@transaction.atomic
def link(ticket: Ticket, subject: Subject, *, at: datetime, by: str) -> TicketLink:
    """Say what a ticket is about; saying it again changes nothing.

    What belongs to somebody else than the ticket is shown to the staff alone.
    """
    lock(ticket)
    if ticket.links.count() >= MOST_LINKS:
        raise TooManyLinks
    is_internal = subject.organisation != ticket.organisation_id
    made, is_new = TicketLink.objects.get_or_create(
        ticket=ticket, kind=subject.kind, reference=subject.reference,
        defaults={
            "organisation_id": ticket.organisation_id, "title": subject.title[:200],
            "path": subject.path, "is_internal": is_internal,
        },
    )  # fmt: skip
    if is_new and not is_internal:
        record(ticket, "linked", at=at, by=by, why=subject.title)
    return made


@transaction.atomic
def unlink(ticket: Ticket, pk: int, *, at: datetime, by: str) -> None:
    """Take a link away; one that is gone stays gone."""
    found = ticket.links.filter(pk=pk).first()
    if found:
        if not found.is_internal:
            record(ticket, "unlinked", at=at, by=by, why=found.title)
        found.delete()


@transaction.atomic
def did(ticket: Ticket, what: str, *, at: datetime, by: str) -> Message:
    """Write into the thread what was done from it; it is nobody's turn by that."""
    return Message.objects.create(
        organisation_id=ticket.organisation_id, ticket=ticket, author=by, body=what,
        kind=Said.ACT, at=at,
    )  # fmt: skip


@transaction.atomic
def judge(ticket: Ticket, *, score: int, words: str, at: datetime, by: str) -> None:
    """Keep what the customer thinks of a closed ticket; the last word counts.

    Raises:
        NotClosed: it goes on.
    """
    lock(ticket)
    if ticket.state != State.CLOSED:
        raise NotClosed
    facts = {"score": score, "words": words, "by": by, "at": at}
    Satisfaction.objects.update_or_create(
        ticket=ticket, defaults=facts | {"organisation_id": ticket.organisation_id}
    )
    record(ticket, "judged", at=at, by=by, why=f"{score} of 5")


@transaction.atomic
def escalate(ticket: Ticket, *, at: datetime) -> bool:
    """Tell of a clock that ran out, once, and hand the ticket on; return whether it was due."""
    lock(ticket)
    if ticket.due_at is None or ticket.due_at > at or ticket.escalated_at is not None:
        return False
    due_at = ticket.due_at
    is_answer = ticket.answered_at is None and due_at == ticket.answer_due_at
    what = "no first answer" if is_answer else "not resolved"
    onward = ticket.queue.escalates_to if ticket.queue else None
    if onward:
        route(ticket, Route(onward, None, Priority(ticket.priority)), at=at, by=BY, why=what)
    if ticket.due_at and ticket.due_at <= at:
        _change(ticket, {"escalated_at": at})
    record(ticket, "overdue", at=at, by=BY, why=f"{what} by {due_at:%Y-%m-%d %H:%M} UTC")
    notices.overdue(ticket, is_answer=is_answer, due_at=due_at, at=at)
    return True
