"""How available contract lines and regions were over a period, from what is stored."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, QuerySet

from erp.base import scope
from erp.base.journal import JournalLine
from erp.base.periods import Period, merged
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from erp.ports import Availability, Failing
from orchestration.instances.models import Instance
from orchestration.monitoring.availability import Move, judge, times_in
from orchestration.monitoring.models import Outage
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import PATIENCE
from orchestration.nodes.states import ANSWERS, SET_ASIDE, VANISHED
from orchestration.nodes.states import State as NodeState
from orchestration.windows.queries import excuses

_NOT_AGREED = frozenset({Contracted.SUSPENDED, Contracted.ENDED})
_AWAY = frozenset({NodeState.UNREACHABLE})
_OPPOSITE = {VANISHED: ANSWERS, ANSWERS: VANISHED}


@dataclass(frozen=True, slots=True)
class _Stay:
    """A service of one line on one node, from its first start to its wipe."""

    line: int
    contract: int
    node: int | None
    region: str
    existed: Period


def of_lines(lines: Collection[int], *, period: Period) -> dict[int, Availability]:
    """Return the availability of each line that ever started; ten statements at most."""
    # The history of nodes is the provider's; who asks was admitted to the lines.
    with scope.everything("the availability of admitted lines needs the history of nodes"):
        return _judged(_stays(Q(line__in=lines), period), period)


def of_regions(*, period: Period) -> dict[str, Availability]:
    """Return the seconds of all services of each region, added up, without the failures."""
    stays = _stays(Q(), period)
    judged = _judged(stays, period)
    regions = {stay.line: stay.region for stay in stays}
    found: dict[str, list[Availability]] = defaultdict(list)
    for line, one in judged.items():
        found[regions[line]].append(one)
    return {region: _added(parts) for region, parts in found.items()}


def _added(parts: Iterable[Availability]) -> Availability:
    measured = down = unseen = stopped = planned = Decimal(0)
    for one in parts:
        measured += one.measured_seconds
        down += one.down_seconds
        unseen += one.unseen_seconds
        stopped += one.stopped_seconds
        planned += one.planned_seconds
    return Availability(measured, down, unseen, stopped, failing=(), planned_seconds=planned)


def _stays(which: Q, period: Period) -> list[_Stay]:
    """Return what existed in the period; the root of a tree stands for the line."""
    rows = Instance.objects.filter(which, parent=None, first_started_at__lt=period.end)
    columns = ("line", "line__contract", "node", "node__region", "first_started_at", "wiped_at")
    found = []
    for line, contract, node, region, started_at, wiped_at in rows.order_by("pk").values_list(
        *columns
    ):
        start, end = max(started_at, period.start), min(wiped_at or period.end, period.end)
        if start < end:
            found.append(_Stay(line, contract, node, region or "", Period(start, end)))
    return found


def _judged(stays: Collection[_Stay], period: Period) -> dict[int, Availability]:
    failing = _failing({stay.line for stay in stays}, period)
    contracts = Contract.objects.filter(pk__in={stay.contract for stay in stays})
    stopped = _times(contracts, "contract", _NOT_AGREED, period)
    nodes = ComputeNode.objects.filter(pk__in={stay.node for stay in stays if stay.node})
    away = times_away(nodes, period=period)
    planned = _planned(stays, period)
    of_line: dict[int, list[_Stay]] = defaultdict(list)
    for stay in stays:
        of_line[stay.line].append(stay)
    return {
        line: judge(
            existed=[stay.existed for stay in mine],
            stopped=stopped[mine[0].contract],
            unseen=[gone for stay in mine if stay.node for gone in away[stay.node]],
            failing=failing.get(line, ()),
            planned=planned[line],
        )
        for line, mine in of_line.items()
    }


def _planned(stays: Collection[_Stay], period: Period) -> dict[int, list[Period]]:
    """Return when a told window excused each line: also that of a part's machine."""
    lines = {stay.line: stay.contract for stay in stays}
    parts = Instance.objects.filter(line__in=lines, node__isnull=False)
    places = set(parts.values_list("line", "node", "node__region"))
    excused = excuses(
        nodes={node for _, node, _ in places},
        regions={region for _, _, region in places},
        contracts=set(lines.values()),
        period=period,
    )
    found: dict[int, list[Period]] = defaultdict(list)
    for line, contract in lines.items():
        found[line] += excused.contracts.get(contract, [])
    for line, node, region in places:
        found[line] += [*excused.nodes.get(node, []), *excused.regions.get(region, [])]
    return found


def _failing(lines: Collection[int], period: Period) -> dict[int, list[Failing]]:
    """Return the failures that reach into the period, of every part of each line's tree."""
    rows = Outage.objects.filter(
        Q(until=None) | Q(until__gt=period.start),
        instance__line__in=lines,
        since__lt=period.end,
    ).order_by("pk")
    found: dict[int, list[Failing]] = defaultdict(list)
    columns = ("instance__line", "since", "until", "promise", "message")
    for line, since, until, promise, message in rows.values_list(*columns):
        start, end = max(since, period.start), min(until or period.end, period.end)
        if start < end:
            found[line].append(Failing(Period(start, end), promise, message))
    return found


def times_away(nodes: QuerySet[ComputeNode], *, period: Period) -> dict[int, list[Period]]:
    """Return when each node could not be reached: also while it was closed or draining."""
    found = _times(nodes, "computenode", _AWAY, period)
    for pk, gone in _times_gone(nodes, period).items():
        found[pk] = merged([*found[pk], *gone])
    return found


def _times_gone(nodes: QuerySet[ComputeNode], period: Period) -> dict[int, list[Period]]:
    """Return when nodes that keep their state had vanished: two statements, however many nodes."""
    columns = ("reference", "pk", "state", "failures")
    now = {reference: facts for reference, *facts in nodes.values_list(*columns)}
    told = JournalLine.objects.filter(
        subject_kind="computenode",
        subject_reference__in=now,
        at__gte=period.start,
        event__in=_OPPOSITE,
    ).order_by("position")
    moves: dict[str, list[Move]] = defaultdict(list)
    for reference, at, event in told.values_list("subject_reference", "at", "event"):
        moves[reference].append((at, _OPPOSITE[event], event))
    found = {}
    for reference, (pk, state, failures) in now.items():
        is_gone = state in SET_ASIDE and failures >= PATIENCE
        last = VANISHED if is_gone else ANSWERS
        mine = moves[reference]
        found[pk] = times_in({VANISHED}, moves=mine, state=last, period=period)
    return found


def _times(
    rows: QuerySet[ComputeNode] | QuerySet[Contract],
    kind: str,
    states: frozenset[str],
    period: Period,
) -> dict[int, list[Period]]:
    """Return when each row was in one of the states: two statements, however many rows."""
    now = {
        reference: (pk, state)
        for pk, reference, state in rows.values_list("pk", "reference", "state")
    }
    moves = _moves(kind, now, period)
    return {
        pk: times_in(states, moves=moves.get(reference, ()), state=state, period=period)
        for reference, (pk, state) in now.items()
    }


def _moves(kind: str, references: Collection[str], period: Period) -> Mapping[str, list[Move]]:
    lines = JournalLine.objects.filter(
        subject_kind=kind,
        subject_reference__in=references,
        at__gte=period.start,
        details__has_key="came_from",
    ).order_by("position")
    found: dict[str, list[Move]] = defaultdict(list)
    for reference, at, came_from, to in lines.values_list(
        "subject_reference", "at", "details__came_from", "event"
    ):
        found[reference].append((at, came_from, to))
    return found
