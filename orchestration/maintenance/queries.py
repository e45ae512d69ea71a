"""Which work goes on, what keeps it, and which checks are due."""

from datetime import datetime, timedelta

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When

from erp.base.tenancy import AnyUser
from orchestration.convergence import documents
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.maintenance.models import Check, NodeWork, Reading
from orchestration.maintenance.states import OPEN, Verdict
from orchestration.monitoring.models import Outage
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED
from orchestration.nodes.states import State as NodeState

# How often each subject is looked at, and how much of the past is kept.
EVERY = timedelta(hours=1)
KEPT = timedelta(days=90)
MOST_POINTS = 2000
_WORST_FIRST = (Verdict.FAILED, Verdict.WARN, Verdict.UNKNOWN, Verdict.OK)


def open_works() -> QuerySet[NodeWork]:
    """Return the work that has not come to its end."""
    return NodeWork.objects.filter(state__in=OPEN).order_by("pk")


def still_running(node: ComputeNode) -> QuerySet[Instance]:
    """Return what is not stopped yet on a node that is held."""
    here = Instance.objects.filter(partition__node=node)
    return here.exclude(state__in=[State.STOPPED, State.WIPED, State.PLACED])


def still_there(node: ComputeNode) -> QuerySet[Instance]:
    """Return what holds a partition of a node."""
    return Instance.objects.filter(partition__node=node)


def not_well(node: ComputeNode) -> QuerySet[Instance]:
    """Return what should run on a node and does not, or breaks a promise."""
    here = Instance.objects.filter(partition__node=node, requested_state=Requested.STARTED)
    fails = Exists(Outage.objects.filter(instance=OuterRef("pk"), until=None))
    return here.filter(Q(fails) | ~Q(state=State.STARTED)).order_by("pk")


def nodes_due(at: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes whose checks were not made for an hour and that can be reached."""
    fresh = Check.objects.filter(node=OuterRef("pk"), checked_at__gt=at - EVERY)
    reached = ComputeNode.objects.filter(state__in=VISITED, failures=0)
    reached = reached.exclude(state=NodeState.UNREACHABLE).filter(~Exists(fresh))
    return reached.defer("desired_sealed").order_by("pk")


def past_of(check: Check, at: datetime) -> list[tuple[datetime, int]]:
    """Return the readings that a trend is drawn from, oldest first."""
    readings = check.readings.filter(at__gt=at - KEPT, value__isnull=False).order_by("-at")
    rows = readings.values_list("at", "value")[:MOST_POINTS]
    found = [(when, value) for when, value in rows if value is not None]
    return found[::-1]


def listed(user: AnyUser, *, verdict: str = "", name: str = "") -> QuerySet[Check]:
    """Return the checks that the user sees, the worst first."""
    found = Check.objects.visible_to(user).select_related("node")
    if verdict in Verdict.values:
        found = found.filter(verdict=verdict)
    if name:
        found = found.filter(name=name)
    rank = Case(
        *(When(verdict=one, then=number) for number, one in enumerate(_WORST_FIRST)),
        default=len(_WORST_FIRST),
    )
    return found.order_by(rank, "name", "pk")


def old_readings(at: datetime) -> QuerySet[Reading]:
    """Return what is not kept any longer."""
    return Reading.objects.filter(at__lt=at - KEPT).order_by("at")


def is_stale(node: ComputeNode) -> bool:
    """Return whether the node's rows say something else than its document."""
    return bool(documents.stale([node.pk], most=1))
