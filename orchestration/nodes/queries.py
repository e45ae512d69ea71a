"""Which nodes there are, and which are due for a visit."""

from datetime import datetime

from django.db.models import Count, Q, QuerySet

from erp.base.tenancy import AnyUser
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import State

VISITED = (State.READY, State.UNREACHABLE, State.CLOSED, State.DRAINING)


def due(now: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes whose next visit is due, longest waiting first."""
    is_due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    return ComputeNode.objects.filter(is_due, state__in=VISITED).order_by("next_attempt_at", "pk")


def visited() -> QuerySet[ComputeNode]:
    """Return the nodes that are visited at all."""
    return ComputeNode.objects.filter(state__in=VISITED).order_by("pk")


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
