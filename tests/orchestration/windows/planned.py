"""A window of a node, and times to speak of."""

from datetime import datetime, timedelta
from typing import Any

from orchestration.nodes.models import ComputeNode
from orchestration.windows import services
from orchestration.windows.models import MaintenanceWindow, Occurrence
from orchestration.windows.recurrence import Rule
from orchestration.windows.services import Scope, Terms
from tests.orchestration.builders import NOON, a_provider

HOUR = timedelta(hours=1)
LONG_BEFORE = NOON - timedelta(days=7)


def once(start: datetime, minutes: int = 60) -> Rule:
    return Rule(None, 0, 0, "UTC", start, minutes)


def a_window(
    scope: Scope, start: datetime, *, minutes: int = 60, at: datetime = LONG_BEFORE, **terms: Any
) -> MaintenanceWindow:
    said = Terms(**({"what": "New kernel"} | terms))
    return services.plan(a_provider(), scope, once(start, minutes), said, at=at, by="ops")


def a_told_time(
    node: ComputeNode, start: datetime, *, minutes: int = 60, told_at: datetime = LONG_BEFORE
) -> Occurrence:
    """A time of a node that was announced."""
    window = a_window(Scope(node=node), start, minutes=minutes, at=min(told_at, start - HOUR))
    occurrence = window.occurrences.get()
    services.announce(occurrence.pk, at=told_at)
    return Occurrence.objects.get(pk=occurrence.pk)
