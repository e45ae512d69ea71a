"""Which tickets a reader sees, in which order, and which messages of them."""

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from erp.base.tenancy import AnyUser
from erp.tickets.models import Message, Ticket
from erp.tickets.states import State

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
    """Return the messages, oldest first; internal notes are for the staff alone."""
    found = Message.objects.filter(ticket=ticket).order_by("at", "pk")
    return found if is_staff else found.filter(is_internal=False)
