"""Who is told what of a ticket: by mail the other side, by webhook the organisation's programs.

An incident tells the organisation's members when it opens and when it closes; what is noticed in
between is collected, and stands in the closing mail. In other tickets each message is mailed to
the other side; internal notes to nobody.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from erp.base import scope
from erp.customers.models import Member, Organisation
from erp.outbox import queries as outbox
from erp.outbox.letters import address
from erp.outbox.services import Letter, emit, post, recipients
from erp.outbox.states import Topic
from erp.tickets.addresses import mailbox, reply_address
from erp.tickets.clocks import who_serves
from erp.tickets.models import Message, Ticket
from erp.tickets.states import Kind

MOST_NOTICES = 20
LONGEST_NOTICE = 1000


def opened(ticket: Ticket, message: Message) -> None:
    """Tell of a new ticket: of an incident its organisation, else the other side."""
    if ticket.kind == Kind.INCIDENT:
        facts = _facts(ticket) | {"body": message.body, "at": message.at}
        _tell_members(ticket, "incident_opened", f"{ticket.reference}:opened", facts, message.at)
    else:
        _tell_other_side(ticket, message, is_staff=not _is_member(ticket, message.author))
    _emit("ticket.opened", ticket, key=ticket.reference, at=message.at)


def said(ticket: Ticket, message: Message, *, is_staff: bool) -> None:
    """Tell the other side of a message; an internal note is told to nobody."""
    if message.is_internal:
        return
    _tell_other_side(ticket, message, is_staff=is_staff)
    _emit("ticket.message", ticket, key=f"{ticket.reference}:{message.pk}", at=message.at)


def closed(ticket: Ticket, *, at: datetime, by: str, why: str) -> None:
    """Tell that a ticket was closed: once per closing, however often it is opened again."""
    key = f"{ticket.reference}:closed:{at.isoformat()}"
    facts = _facts(ticket) | {"author": by, "why": why, "at": at}
    if ticket.kind == Kind.INCIDENT:
        facts |= {"since": ticket.created_at, "notices": _notices(ticket)}
        _tell_members(ticket, "incident_closed", key, facts, at)
    elif not _is_member(ticket, by):
        letter = _letter(ticket, "ticket_closed", key, facts)
        post(ticket.organisation, letter, at=at, to=_participants(ticket, but=by))
    _emit("ticket.closed", ticket, key=key, at=at)


def overdue(ticket: Ticket, *, is_answer: bool, due_at: datetime, at: datetime) -> None:
    """Tell those who serve of a clock that ran out: whose ticket it is, else the whole desk."""
    server = who_serves(ticket.organisation)
    facts = _facts(ticket) | {
        "organisation": ticket.organisation.name, "is_answer": is_answer, "due_at": due_at,
        "queue": ticket.queue.name if ticket.queue else "",
    }  # fmt: skip
    key = f"{ticket.reference}:overdue:{due_at.isoformat()}"
    letter = _letter(ticket, "ticket_overdue", key, facts)
    post(server, letter, at=at, to=_assigned(ticket, server))


def _assigned(ticket: Ticket, server: Organisation) -> dict[str, Member | None] | None:
    """Return the one person whose ticket it is, if they are a member of the desk."""
    mine = Member.objects.filter(organisation=server, user=ticket.assignee_id)
    member = mine.select_related("user", "organisation").first() if ticket.assignee_id else None
    return {member.user.email.lower(): member} if member else None


def _facts(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket": ticket.reference,
        "subject": ticket.subject,
        "service": ticket.contract.name if ticket.contract else "",
        "link": address(f"/tickets/{ticket.reference}"),
        "by_mail": bool(mailbox()),
    }


def _letter(ticket: Ticket, template: str, key: str, facts: Mapping[str, Any]) -> Letter:
    topic = Topic.INCIDENTS if ticket.kind == Kind.INCIDENT else Topic.TICKETS
    return Letter(
        key, topic, template, facts, about=ticket, thread=ticket.reference,
        reply_to=reply_address(ticket.reference),
    )  # fmt: skip


def _tell_members(
    ticket: Ticket, template: str, key: str, facts: Mapping[str, Any], at: datetime
) -> None:
    post(ticket.organisation, _letter(ticket, template, key, facts), at=at)


def _tell_other_side(ticket: Ticket, message: Message, *, is_staff: bool) -> None:
    facts = _facts(ticket) | {"author": message.author, "body": message.body}
    key = f"{ticket.reference}:{message.pk}"
    if is_staff and ticket.organisation.parent_id is not None:
        letter = _letter(ticket, "ticket_message", key, facts)
        reached = _participants(ticket, but=message.author)
        post(ticket.organisation, letter, at=message.at, to=reached)
        return
    facts["organisation"] = ticket.organisation.name
    server = who_serves(ticket.organisation)
    with scope.everything("who serves an organisation is told of its messages"):
        reached = recipients(server, Topic.TICKETS)
    reached.pop(message.author.lower(), None)
    letter = _letter(ticket, "ticket_message", key, facts)
    post(server, letter, at=message.at, to=reached)


def _is_member(ticket: Ticket, username: str) -> bool:
    mine = Member.objects.filter(organisation=ticket.organisation_id)
    return mine.filter(user__username=username).exists()


def _participants(ticket: Ticket, *, but: str) -> dict[str, Member | None]:
    """Return the members who wrote in it and want such mails; where none did, who gets them."""
    topic = Topic.INCIDENTS if ticket.kind == Kind.INCIDENT else Topic.TICKETS
    with scope.everything("staff writes to the members of an organisation below"):
        authors = set(ticket.messages.order_by().values_list("author", flat=True).distinct())
        members = outbox.members_of([ticket.organisation])
        wrote = [one for one in members if one.user.username in authors]
        if not wrote:
            return recipients(ticket.organisation, topic)
        wanted = {one.pk for one in outbox.wanting(wrote, topic)}
    return {
        one.user.email.lower(): one
        for one in wrote
        if one.pk in wanted and one.user.username != but
    }


def _notices(ticket: Ticket) -> list[dict[str, Any]]:
    told = list(ticket.messages.filter(is_internal=False).order_by("-at", "-pk")[:MOST_NOTICES])
    return [{"at": one.at, "body": one.body[:LONGEST_NOTICE]} for one in reversed(told)]


def _emit(event: str, ticket: Ticket, *, key: str, at: datetime) -> None:
    data = {
        "ticket": ticket.reference,
        "kind": str(ticket.kind),
        "state": str(ticket.state),
        "subject": ticket.subject,
        "organisation": ticket.organisation.reference,
        "service": ticket.contract.reference if ticket.contract else None,
        "url": address(f"/tickets/{ticket.reference}"),
    }
    emit(ticket.organisation, event, data, key=key, at=at)
