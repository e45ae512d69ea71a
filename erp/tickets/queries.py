"""Which tickets a reader sees, in which order, and which messages of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import (
    Avg,
    Case,
    Count,
    DateTimeField,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from erp.base.journal import JournalLine, history
from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.contracts.states import State as ContractState
from erp.customers.access import memberships_of
from erp.customers.models import Member, Organisation
from erp.customers.states import RIGHTS, Right
from erp.desk.models import Queue
from erp.tickets.clocks import who_serves
from erp.tickets.models import Message, MessageFile, Satisfaction, Ticket, TicketLink
from erp.tickets.states import State

MOST_ON_A_CARD = 8
# Where what has no clock stands in an inbox: after all that has one.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_OF_THE_DESK = ("routed", "overdue")
_TURNS = (State.OPEN, State.WAITING, State.CLOSED)


def listed(user: AnyUser, *, state: str = "") -> QuerySet[Ticket]:
    """Return the tickets that the user sees: open first, then waiting, newest first in each."""
    rank = Case(
        *(When(state=state, then=Value(number)) for number, state in enumerate(_TURNS)),
        output_field=IntegerField(),
    )
    found = Ticket.objects.visible_to(user).select_related("organisation", "contract")
    if state in State.values:
        found = found.filter(state=state)
    return found.annotate(rank=rank).order_by("rank", "-pk")


def after(tickets: QuerySet[Ticket], position: str) -> QuerySet[Ticket]:
    """Return what comes after a position such as `1-4711`; an odd position is the start."""
    rank, _, pk = position.partition("-")
    is_position = position.isascii() and rank.isdigit() and pk.isdigit()
    if not (is_position and len(rank) < 3 and len(pk) < 19):
        return tickets
    return tickets.filter(Q(rank__gt=int(rank)) | Q(rank=int(rank), pk__lt=int(pk)))


def position_of(ticket: Ticket) -> str:
    """Return where a listed ticket stands."""
    return f"{ticket.rank}-{ticket.pk}"  # type: ignore[attr-defined]


def thread(ticket: Ticket, *, is_staff: bool) -> QuerySet[Message]:
    """Return the messages, oldest first, with those of what was merged into it.

    Internal notes are for the staff alone.
    """
    found = Message.objects.filter(Q(ticket=ticket) | Q(ticket__merged_into=ticket))
    files = Prefetch("files", MessageFile.objects.defer("content"))
    found = found.select_related("ticket").prefetch_related(files).order_by("at", "pk")
    return found if is_staff else found.filter(is_internal=False)


def links(ticket: Ticket, *, is_staff: bool) -> QuerySet[TicketLink]:
    """Return what it is about; what belongs to somebody else is for the staff alone."""
    found = TicketLink.objects.filter(ticket=ticket)
    return found if is_staff else found.filter(is_internal=False)


def events(ticket: Ticket, *, is_staff: bool) -> QuerySet[JournalLine]:
    """Return its history, newest first; how the desk works on it is for the staff alone."""
    found = history(ticket).order_by("-position")
    return found if is_staff else found.exclude(event__in=_OF_THE_DESK)


def overdue(now: datetime) -> QuerySet[Ticket]:
    """Return the tickets whose clock ran out without anybody being told, the longest first."""
    return Ticket.objects.filter(due_at__lte=now, escalated_at=None).order_by("due_at", "pk")


def _served_by(user: AnyUser) -> Q:
    """Return which tickets the user answers as staff; see `erp.tickets.access.answers`."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        if Right.ANSWER_TICKETS in member.rights:
            below = Q(organisation__path__startswith=member.organisation.path)
            if member.organisation.parent_id is not None:
                below &= ~Q(organisation=member.organisation_id)
            seen |= below
    return seen


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the inbox somebody looks at."""

    turn: str = "ours"
    whose: str = ""
    queue: str = ""


def inbox(user: AnyUser, wanted: Wanted) -> QuerySet[Ticket]:
    """Return what the user answers: what runs out first stands first, then the urgent, the old."""
    found = Ticket.objects.filter(_served_by(user))
    if wanted.turn == "ours":
        found = found.filter(state=State.OPEN)
    elif wanted.turn == "theirs":
        found = found.filter(state=State.WAITING)
    else:
        found = found.exclude(state=State.CLOSED)
    if wanted.whose == "mine":
        found = found.filter(assignee=user.pk)
    elif wanted.whose == "nobodys":
        found = found.filter(assignee=None)
    if wanted.queue:
        found = found.filter(queue__reference=wanted.queue)
    found = found.select_related("organisation", "contract", "queue", "assignee")
    due = Coalesce("due_at", Value(NEVER), output_field=DateTimeField())
    return found.annotate(due=due).order_by("due", "priority", "pk")


def beyond(tickets: QuerySet[Ticket], position: str) -> QuerySet[Ticket]:
    """Return what of an inbox comes after a position; an odd position is the start."""
    due, _, rest = position.partition("_")
    priority, _, pk = rest.partition("_")
    numbers = (due, priority, pk)
    if not all(one.isascii() and one.isdigit() and len(one) < 19 for one in numbers):
        return tickets
    try:
        at = _BEGINNING + timedelta(microseconds=int(due))
    except OverflowError:
        return tickets
    later = Q(due__gt=at) | Q(due=at, priority__gt=int(priority) % 100)
    return tickets.filter(later | Q(due=at, priority=int(priority) % 100, pk__gt=int(pk)))


def place_of(ticket: Ticket) -> str:
    """Return where a ticket stands in an inbox."""
    due: datetime = ticket.due  # type: ignore[attr-defined]
    return f"{(due - _BEGINNING) // timedelta(microseconds=1)}_{ticket.priority}_{ticket.pk}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits at a desk."""

    overdue: int
    ours: int
    nobodys: int
    theirs: int


def counts(user: AnyUser, now: datetime) -> Counts:
    """Return how much waits for whom, in one query."""
    ours = Q(state=State.OPEN)
    found = Ticket.objects.filter(_served_by(user)).exclude(state=State.CLOSED)
    sums = found.aggregate(
        overdue=Count("pk", filter=Q(due_at__lte=now)),
        ours=Count("pk", filter=ours),
        nobodys=Count("pk", filter=ours & Q(assignee=None)),
        theirs=Count("pk", filter=Q(state=State.WAITING)),
    )
    return Counts(**sums)


def queues_of(user: AnyUser) -> QuerySet[Queue]:
    """Return the queues of the desks that the user works at."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        if Right.ANSWER_TICKETS in member.rights:
            seen |= Q(organisation__path__startswith=member.organisation.path)
    return Queue.objects.filter(seen).select_related("organisation")


def agents_for(organisation: Organisation) -> list[User]:
    """Return who can be given its tickets: the staff of who serves it and of all above."""
    roles = [role for role, rights in RIGHTS.items() if Right.ANSWER_TICKETS in rights]
    server = who_serves(organisation)
    above = [part for part in server.path.split("/") if part]
    members = Member.objects.filter(organisation__reference__in=above, role__in=roles)
    people = {one.user_id: one.user for one in members.select_related("user").order_by("pk")}
    return list(people.values())


def services_of(user: AnyUser, organisation: Organisation) -> list[Contract]:
    """Return some of the services of a customer for their card, those in force first."""
    found = Contract.objects.visible_to(user).filter(organisation=organisation)
    return list(found.exclude(state=ContractState.ENDED).order_by("-pk")[:MOST_ON_A_CARD])


@dataclass(frozen=True, slots=True)
class Judgement:
    """How many tickets were judged, and how well on average, 1 to 5."""

    answers: int
    mean: float | None


def judged(user: AnyUser, since: datetime) -> Judgement:
    """Return how well customers judged the tickets that the user answers, since a moment."""
    served = Ticket.objects.filter(_served_by(user))
    found = Satisfaction.objects.filter(ticket__in=served, at__gte=since)
    return Judgement(**found.aggregate(answers=Count("pk"), mean=Avg("score")))


def is_member(user: AnyUser, ticket: Ticket) -> bool:
    """Return whether the user speaks for the organisation itself and not for who serves it."""
    return any(one.organisation_id == ticket.organisation_id for one in memberships_of(user))
