"""Which nodes there are, and which are due for a visit."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from erp.base.tenancy import AnyUser
from orchestration.nodes.models import ComputeNode, NodeAuthority
from orchestration.nodes.states import Carrier, State

# How many nodes are given another agent at the same time: a bad one must not reach all at once.
MOST_UPGRADING = 5

# One failed visit may be a hiccup; the second makes the node unreachable.
PATIENCE = 2
# A node that calls us is heard every ten seconds: six times missed is silence.
SILENCE = timedelta(seconds=60)
# An open door says so every five seconds.
DOOR_SILENCE = timedelta(seconds=30)

VISITED = (State.READY, State.UNREACHABLE, State.CLOSED, State.DRAINING)


def due(now: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes that a worker is to visit now, longest waiting first."""
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    reached = ComputeNode.objects.filter(is_due, carrier=Carrier.SSH, state__in=VISITED)
    return reached.order_by("next_attempt_at", "pk")


def silent(now: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes that should have called us and did not, while a door was open to them."""
    since, open_after = now - SILENCE, now - DOOR_SILENCE
    doors = NodeAuthority.objects.filter(seen_at__gte=open_after, open_since__lte=since)
    untold = Q(state__in=(State.CLOSED, State.DRAINING), failures__lt=PATIENCE)
    calling = ComputeNode.objects.filter(Q(state=State.READY) | untold, carrier=Carrier.HTTPS)
    return calling.filter(last_seen_at__lte=since, organisation__in=doors.values("organisation"))


def visited() -> QuerySet[ComputeNode]:
    """Return the nodes that are visited at all."""
    return ComputeNode.objects.filter(state__in=VISITED).order_by("pk")


def upgrading(shipped: str) -> QuerySet[ComputeNode]:
    """Return the nodes that may change to this agent now: the oldest few, none once it failed.

    A node that cannot be reached holds up nobody, nor does one that is retired.
    """
    all_nodes = ComputeNode.objects.exclude(agent_version=shipped)
    refusing = ComputeNode.objects.filter(agent_refused=shipped).exclude(state=State.RETIRED)
    if refusing.exists():
        return all_nodes.none()
    free = all_nodes.filter(agent_held=False)
    reached = free.filter(state__in=set(VISITED) - {State.UNREACHABLE}, failures__lt=PATIENCE)
    few = reached.order_by("created_at", "pk").values_list("pk", flat=True)[:MOST_UPGRADING]
    return all_nodes.filter(pk__in=list(few))


def agent_states(nodes: Iterable[ComputeNode], shipped: str) -> list[str]:
    """Return how each node's agent stands to the one that is shipped; "" before it has one."""
    few = set(upgrading(shipped).values_list("pk", flat=True))

    def state(node: ComputeNode) -> str:
        if node.agent_version in ("", shipped):
            return "current" if node.agent_version else ""
        if node.agent_refused == shipped:
            return "returned"
        return "upgrading" if node.pk in few else "waiting"

    return [state(node) for node in nodes]


def doors_closed(now: datetime) -> QuerySet[NodeAuthority]:
    """Return the authorities whose nodes find no door open."""
    waiting = ComputeNode.objects.filter(carrier=Carrier.HTTPS, state__in=VISITED)
    is_closed = Q(seen_at=None) | Q(seen_at__lt=now - DOOR_SILENCE)
    return NodeAuthority.objects.filter(is_closed, organisation__in=waiting.values("organisation"))


def to_enrol(now: datetime) -> QuerySet[ComputeNode]:
    """Return the machines whose enrolment is under way or may be tried again by itself."""
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    enrolling = ComputeNode.objects.filter(is_due, carrier=Carrier.SSH, state=State.ENROLLING)
    return enrolling.exclude(steps__state="failed")


def with_capacity(user: AnyUser) -> QuerySet[ComputeNode]:
    """Return the nodes that the user sees, with partitions and how many are taken."""
    return ComputeNode.objects.visible_to(user).annotate(
        slots=Count("partitions"),
        taken=Count("partitions", filter=Q(partitions__instance__isnull=False)),
    )
