"""How each region does, for everybody to see: no node and no customer is named."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from erp.base.periods import Period, days
from orchestration.monitoring import measures
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED
from orchestration.nodes.states import State as NodeState
from orchestration.windows.models import Occurrence
from orchestration.windows.queries import by_region, lost_in_a_window

MONTH = days(30)
OPERATING, DEGRADED, DOWN = "operating", "degraded", "down"
MAINTENANCE = "maintenance"
_WORST_FIRST = (DOWN, DEGRADED, MAINTENANCE, OPERATING)


@dataclass(frozen=True, slots=True)
class Region:
    """One region now, and how available its services were; None where nothing was measured.

    `since` is None when it has been operating for longer than is looked back.
    """

    name: str
    state: str
    since: datetime | None
    share: Decimal | None
    unseen_share: Decimal
    planned: Sequence[Occurrence] = ()


def regions(at: datetime) -> list[Region]:
    """Return every region with nodes in service, by name; constant statements."""
    period = Period(at - MONTH, at)
    nodes = ComputeNode.objects.filter(state__in=VISITED)
    away = measures.times_away(nodes, period=period)
    judged = measures.of_regions(period=period)
    of_region: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    gone: dict[str, list[Period]] = defaultdict(list)
    excused = set(lost_in_a_window(at).values_list("pk", flat=True))
    for pk, name, state, since in nodes.values_list("pk", "region", "state", "state_since"):
        is_planned = pk in excused and state == NodeState.UNREACHABLE
        of_region[name].append((MAINTENANCE if is_planned else state, since))
        gone[name] += away[pk]
    found = []
    planned = by_region(at)
    for name, states in sorted(of_region.items()):
        word, since_at = state_of(states, gone[name])
        coming = planned.get(name, [])
        begun = [one.starts_at for one in coming if one.excuses and one.starts_at <= at]
        if word == OPERATING and begun:
            word, since_at = MAINTENANCE, min(begun)
        one = judged.get(name)
        wanted = one.measured_seconds + one.unseen_seconds if one else Decimal(0)
        unseen = one.unseen_seconds / wanted if one and wanted else Decimal(0)
        share = one.share if one else None
        found.append(Region(name, word, since_at, share, unseen, coming))
    return found


def state_of(
    nodes: Sequence[tuple[str, datetime]], gone: Sequence[Period]
) -> tuple[str, datetime | None]:
    """Return how a region does and since when.

    Args:
        nodes: state and its beginning, of each node.
        gone: when nodes of it could not be reached.
    """
    lost = [since for state, since in nodes if state == NodeState.UNREACHABLE]
    if lost and len(lost) == len(nodes):
        return DOWN, max(lost)
    if lost:
        return DEGRADED, min(lost)
    return OPERATING, max((period.end for period in gone), default=None)


def overall(states: Sequence[str]) -> str:
    """Return the worst of the regions' states; down is everything only when all are."""
    found = set(states)
    if DOWN in found and len(found) > 1:
        return DEGRADED
    return next((state for state in _WORST_FIRST if state in found), OPERATING)
