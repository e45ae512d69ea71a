"""Which failures last too long, what recovered, and who waits for a place."""

from datetime import datetime, timedelta

from django.db.models import CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from erp.tickets.models import Ticket
from erp.tickets.states import State as Ticketed
from orchestration.instances import queries as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.monitoring.models import Outage
from orchestration.nodes.states import State as NodeState
from orchestration.windows.queries import excused_now

# How long a request may look for a place before somebody is told.
PATIENCE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)
# A node whose last visit failed may have changed since: its instances open no incidents.
_IN_SIGHT = Q(instance__node__failures=0) & ~Q(instance__node__state=NodeState.UNREACHABLE)


def cause_of(instance: Instance, what: str) -> str:
    """Return what names the one open ticket about this."""
    return f"instance:{instance.reference}:{what}"


def _waiting_cause(reference: F | OuterRef) -> Concat:
    parts = (Value("instance:"), reference, Value(":waiting"))
    return Concat(*parts, output_field=CharField())


def overdue(at: datetime) -> QuerySet[Outage]:
    """Return the failures that last longer than their tolerance and are not told, oldest first.

    What may be away by a window that was announced is told when it is over and still fails.
    """
    excused = excused_now(
        at,
        node="instance__node",
        region="instance__node__region",
        contract="instance__line__contract",
    )
    return Outage.objects.filter(
        _IN_SIGHT,
        ~excused,
        since__lt=at - F("tolerance_seconds") * SECOND,
        until=None,
        ticket=None,
        instance__requested_state=Requested.STARTED,
    ).order_by("since", "pk")


def recovered() -> QuerySet[Instance]:
    """Return the instances whose incident is over: nothing fails, or nothing is promised."""
    mine = Outage.objects.filter(instance=OuterRef("pk"))
    told = mine.filter(ticket__isnull=False, told_over_at=None)
    is_well = ~Exists(mine.filter(until=None)) | ~Q(requested_state=Requested.STARTED)
    return Instance.objects.filter(Exists(told)).filter(is_well).order_by("pk")


def waiting_long(at: datetime) -> QuerySet[Instance]:
    """Return who waits for a place for too long and was not told of, oldest first."""
    told = Ticket.objects.filter(cause=_waiting_cause(OuterRef("reference")))
    return instances.waiting().filter(~Exists(told), state_since__lt=at - PATIENCE)


def no_longer_waiting() -> QuerySet[Ticket]:
    """Return the open tickets about a wait that is over.

    We say one thing when it begins and one when it is over; a ticket that somebody opens again
    after that stays open.
    """
    still = instances.waiting().annotate(cause=_waiting_cause(F("reference")))
    tickets = Ticket.objects.filter(cause__startswith="instance:", cause__endswith=":waiting")
    said = Count("messages", filter=Q(messages__author=F("opened_by")))
    return (
        tickets.exclude(state=Ticketed.CLOSED)
        .filter(~Exists(still.filter(cause=OuterRef("cause"))))
        .annotate(said=said)
        .filter(said=1)
        .order_by("pk")
    )
