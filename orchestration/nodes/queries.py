"""Which nodes there are, and which are due for a visit."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from erp.base.tenancy import AnyUser
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import State

# How many nodes are given another agent at the same time: a bad one must not reach all at once.
MOST_UPGRADING = 5

VISITED = (State.READY, State.UNREACHABLE, State.CLOSED, State.DRAINING)


def due(now: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes whose next visit is due, longest waiting first."""
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    return ComputeNode.objects.filter(is_due, state__in=VISITED).order_by("next_attempt_at", "pk")


def visited() -> QuerySet[ComputeNode]:
    """Return the nodes that are visited at all."""
    return ComputeNode.objects.filter(state__in=VISITED).order_by("pk")


def upgrading(shipped: str) -> QuerySet[ComputeNode]:
    """Return the nodes that may change to this agent now: the oldest few, none once it failed.

    A node that cannot be reached holds up nobody.
    """
    all_nodes = ComputeNode.objects.exclude(agent_version=shipped)
    if ComputeNode.objects.filter(agent_refused=shipped).exists():
        return all_nodes.none()
    reached = all_nodes.filter(state__in=set(VISITED) - {State.UNREACHABLE})
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


def to_enrol(now: datetime) -> QuerySet[ComputeNode]:
    """Return the machines whose enrolment is under way or may be tried again by itself."""
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    return ComputeNode.objects.filter(is_due, state=State.ENROLLING).exclude(steps__state="failed")


def with_capacity(user: AnyUser) -> QuerySet[ComputeNode]:
    """Return the nodes that the user sees, with partitions and how many are taken."""
    return ComputeNode.objects.visible_to(user).annotate(
        slots=Count("partitions"),
        taken=Count("partitions", filter=Q(partitions__instance__isnull=False)),
    )
