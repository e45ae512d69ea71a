"""The answer to `erp.ports.CostSource`: what machines cost, and who used them.

A machine costs the same in every second of a month, and each of its partitions an equal part of
that. An instance bears its partition from its first start to its wipe, on the node where it is or
was last; what no instance bears stood idle.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q

from erp.base.money import round_minor
from erp.base.periods import Period, month_of
from erp.ports import MachineCost
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, NodeCost

# A stretch of time in one month, with what a machine costs in a second of it, in minor units.
Stretch = tuple[Period, Decimal]


class NodeCosts:
    """Reads dated costs of nodes, and the instances that ran on them."""

    def costs(self, *, provider: int, period: Period, currency: str) -> Sequence[MachineCost]:
        """Return what each node cost over the period, and which lines bear how much of it."""
        stretches = _stretches(provider, period, currency)
        used = _used(stretches, period)
        nodes = ComputeNode.objects.filter(pk__in=stretches).annotate(slots=Count("partitions"))
        return [
            _of(node, node.slots, stretches[node.pk], used.get(node.pk, ()))
            for node in nodes.order_by("name", "pk")
        ]


def _stretches(provider: int, period: Period, currency: str) -> dict[int, list[Stretch]]:
    found: dict[int, list[Stretch]] = {}
    rows: dict[int, list[NodeCost]] = {}
    known = NodeCost.objects.filter(organisation=provider, starts_at__lt=period.end)
    for one in known.order_by("node", "starts_at"):
        rows.setdefault(one.node_id, []).append(one)
    for node, its in rows.items():
        ends = [*(one.starts_at for one in its[1:]), period.end]
        for one, end in zip(its, ends, strict=True):
            part = period.overlap(Period(one.starts_at, end)) if one.starts_at < end else None
            if part and one.currency == currency:
                found.setdefault(node, []).extend(_by_month(part, one.monthly_minor))
    return found


def _by_month(period: Period, monthly_minor: int) -> Iterator[Stretch]:
    month = month_of(period.start)
    while month.start < period.end:
        part = month.overlap(period)
        assert part is not None, "months cover all of the period"
        yield part, Decimal(monthly_minor) / month.seconds
        month = month_of(month.end)


def _used(
    nodes: Mapping[int, object], period: Period
) -> dict[int, list[tuple[int, datetime, datetime]]]:
    """Return by node the line, start and end of what ran there, outside of other instances."""
    ran = Instance.objects.filter(
        Q(wiped_at=None) | Q(wiped_at__gt=period.start),
        node__in=nodes,
        is_shared=False,
        first_started_at__lt=period.end,
    )
    found: dict[int, list[tuple[int, datetime, datetime]]] = {}
    columns = ("node", "line", "first_started_at", "wiped_at")
    for node, line, start, end in ran.values_list(*columns):
        found.setdefault(node, []).append((line, start, end or period.end))
    return found


def _of(
    node: ComputeNode,
    slots: int,
    stretches: Sequence[Stretch],
    used: Sequence[tuple[int, datetime, datetime]],
) -> MachineCost:
    total = round_minor(sum((part.seconds * rate for part, rate in stretches), Decimal(0)))
    exact: dict[int, Decimal] = {}
    for line, start, end in used:
        ran = Period(start, end) if start < end else None
        for part, rate in stretches if ran else ():
            common = ran.overlap(part) if ran else None
            if common:
                cost = common.seconds * rate / max(slots, 1)
                exact[line] = exact.get(line, Decimal(0)) + cost
    by_line = {line: round_minor(minor) for line, minor in exact.items()}
    return MachineCost(node.reference, node.name, total, by_line)
