"""Which times come, whom they concern, and what they excuse."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from erp.base.periods import Period, days
from erp.base.tenancy import AnyUser
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED
from orchestration.windows.models import MaintenanceWindow, Occurrence

# So long before the last moment a time is told: a sweep that is late is not too late.
LEAD = timedelta(hours=24)
# How far beyond its notice a window is planned.
AHEAD = days(14)
# The public page and the customers' pages look so far.
SHOWN = days(14)
MOST_SHOWN = 50
SWEPT = 500

_STANDS = Q(cancelled_at=None)
_TOLD = Q(announced_at__lte=F("tell_before")) | Q(moved_at__lte=F("starts_at"))
EXCUSES = _STANDS & _TOLD


def in_force(at: datetime) -> QuerySet[MaintenanceWindow]:
    """Return the windows that go on coming, or still come."""
    goes_on = Q(starts_at=None) | Q(starts_at__gt=at)
    return MaintenanceWindow.objects.filter(goes_on, ended_at=None).order_by("pk")


def to_announce(at: datetime) -> QuerySet[Occurrence]:
    """Return the times of which those concerned are to know now; told ones too, until they begin.

    A service that was placed there meanwhile is told late rather than never: each organisation is
    told once.
    """
    coming = Occurrence.objects.filter(_STANDS, ends_at__gt=at, tell_before__lte=at + LEAD)
    return coming.select_related("window__node", "window__contract").order_by("starts_at", "pk")


def concerned(window: MaintenanceWindow) -> QuerySet[Instance]:
    """Return the services that a window may take away: what a customer ordered, not its parts."""
    rows = Instance.objects.exclude(requested_state=Requested.DESTROYED)
    if window.contract_id:
        return rows.filter(line__contract=window.contract_id, parent=None).order_by("pk")
    touched = rows.filter(_there(window)).values("line")
    return rows.filter(line__in=touched, parent=None).order_by("pk")


def _there(window: MaintenanceWindow) -> Q:
    return Q(node=window.node_id) if window.node_id else Q(node__region=window.region)


def shown_to(user: AnyUser, at: datetime) -> list[Occurrence]:
    """Return the told times ahead that touch services which the user sees."""
    mine = Instance.objects.visible_to(user).exclude(requested_state=Requested.DESTROYED)
    facts = set(mine.values_list("node", "node__region", "line__contract").distinct()[:SWEPT])
    nodes, regions, contracts = (
        (set(column) - {None} for column in zip(*facts, strict=True))
        if (facts)
        else (set(), set(), set())
    )
    touching = (
        Q(window__node__in=nodes)
        | Q(window__region__in=regions - {""})
        | Q(window__contract__in=contracts)
    )
    return list(_ahead(at).filter(touching)[:MOST_SHOWN])


def of_contract(contract_pk: int, at: datetime) -> list[Occurrence]:
    """Return the told times ahead that touch the services of one contract."""
    here = Instance.objects.filter(line__contract=contract_pk)
    here = here.exclude(requested_state=Requested.DESTROYED)
    nodes = here.filter(node__isnull=False)
    touching = (
        Q(window__node__in=nodes.values("node"))
        | Q(window__region__in=nodes.values("node__region"))
        | Q(window__contract=contract_pk)
    )
    return list(_ahead(at).filter(touching)[:MOST_SHOWN])


def _ahead(at: datetime) -> QuerySet[Occurrence]:
    told = Q(announced_at__isnull=False) | Q(moved_at__isnull=False)
    coming = Occurrence.objects.filter(_STANDS & told, ends_at__gt=at, starts_at__lt=at + SHOWN)
    return coming.select_related("window__node", "window__contract").order_by("starts_at", "pk")


def by_region(at: datetime) -> dict[str, list[Occurrence]]:
    """Return the told times ahead of each region, also those of one node of it."""
    found: dict[str, list[Occurrence]] = defaultdict(list)
    for one in _ahead(at).filter(window__contract=None)[:MOST_SHOWN]:
        node = one.window.node
        found[node.region if node else one.window.region].append(one)
    return found


@dataclass(frozen=True, slots=True)
class Excuses:
    """When what was told in time excused a failure: by node, region and contract."""

    nodes: Mapping[int, list[Period]] = field(default_factory=dict)
    regions: Mapping[str, list[Period]] = field(default_factory=dict)
    contracts: Mapping[int, list[Period]] = field(default_factory=dict)


def excuses(
    *, nodes: Collection[int], regions: Collection[str], contracts: Collection[int], period: Period
) -> Excuses:
    """Return the times that excuse and reach into the period: one statement."""
    rows = Occurrence.objects.filter(
        EXCUSES,
        Q(window__node__in=nodes)
        | Q(window__region__in=set(regions) - {""})
        | Q(window__contract__in=contracts),
        ends_at__gt=period.start,
        starts_at__lt=period.end,
    )
    of_node: dict[int, list[Period]] = defaultdict(list)
    of_region: dict[str, list[Period]] = defaultdict(list)
    of_contract_: dict[int, list[Period]] = defaultdict(list)
    columns = ("window__node", "window__region", "window__contract", "starts_at", "ends_at")
    for node, region, contract, start, end in rows.order_by("pk").values_list(*columns):
        if node:
            of_node[node].append(Period(start, end))
        elif region:
            of_region[region].append(Period(start, end))
        else:
            of_contract_[contract].append(Period(start, end))
    return Excuses(of_node, of_region, of_contract_)


def under_way(at: datetime) -> QuerySet[Occurrence]:
    """Return the times that excuse just now."""
    return Occurrence.objects.filter(EXCUSES, starts_at__lte=at, ends_at__gt=at)


def excused_now(at: datetime, *, node: str, region: str, contract: str) -> Q:
    """Return the condition under which a row is excused just now.

    Args:
        node, region, contract: the lookups of the row, for example `instance__node`.
    """
    now = under_way(at)
    found = Q(Exists(now.filter(window__node=OuterRef(node))))
    found |= Q(Exists(now.filter(window__region=OuterRef(region)).exclude(window__region="")))
    if contract:
        found |= Q(Exists(now.filter(window__contract=OuterRef(contract))))
    return found


def is_excused(node: ComputeNode, at: datetime) -> bool:
    """Return whether somebody may be working on the node just now."""
    here = Q(window__node=node) | Q(window__region=node.region)
    return under_way(at).filter(here).exists()


def lost_in_a_window(at: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes that cannot be reached and may be away by a window just now."""
    here = excused_now(at, node="pk", region="region", contract="")
    return ComputeNode.objects.filter(here, state__in=VISITED)


def of_node(node: ComputeNode, at: datetime) -> list[Occurrence]:
    """Return the times ahead of a node and of its region, told or not."""
    here = Q(window__node=node) | Q(window__region=node.region)
    coming = Occurrence.objects.filter(here, _STANDS, ends_at__gt=at)
    return list(coming.select_related("window").order_by("starts_at", "pk")[:MOST_SHOWN])
