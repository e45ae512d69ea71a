"""What is known of the nodes that could take an instance: a few for placing, all for a dry run.

`shortlist` asks the database what `choose` will ask again: it may let through what does not fit,
and never leaves out what does (tests/orchestration/allocation/test_shortlist.py compares them).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Count, DecimalField, Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.expressions import CombinedExpression, RawSQL

from orchestration.allocation.choose import Candidate, Wish
from orchestration.allocation.hosts import MOST_ON_ONE_HOST, Host
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, NodeRoom
from orchestration.nodes.states import ClosedFor, State

# Two allocators at once choose the same best node; the others are for those that come second.
FEW = 20
EMPTIEST = 100
MOST_HOSTS = 100
_PLACED = Instance.objects.filter(partition__isnull=False)
_COLUMNS = (
    "pk", "reference", "name", "region", "country", "network", "labels", "state", "state_reason",
    "closed_for", "facts", "is_privileged", "shares_customers", "dedicated_to__path",
    "room__free_partitions", "room__reserved_memory_bytes", "room__reserved_disk_bytes",
)  # fmt: skip
# What a node told of itself may be anything: what is no number bounds nothing.
_FACT = """
CASE WHEN jsonb_typeof("orchestration_computenode"."facts"->%s) = 'number'
THEN ("orchestration_computenode"."facts"->>%s)::numeric END
"""


def candidates(wish: Wish, *, most: int | None = None) -> list[Candidate]:
    """Return every node that is not retired, the emptiest first; four statements at most."""
    nodes = ComputeNode.objects.exclude(state=State.RETIRED)
    return _described(wish, nodes.order_by("-room__free_partitions", "pk")[:most])


def shortlist(wish: Wish, *, but: Collection[int] = ()) -> list[Candidate]:
    """Return the few emptiest nodes that seem to fit.

    The emptiest of all are walked first, by their index: mostly one of them fits, and a database
    that has not looked at its tables yet finds them as fast.

    Args:
        but: nodes that are left out.
    """
    rooms = NodeRoom.objects.filter(free_partitions__gt=0)
    walk = rooms.order_by("-free_partitions", "node_id").values_list("node_id", flat=True)
    emptiest = list(walk[:EMPTIEST])
    found = _described(wish, _fitting(wish, but).filter(pk__in=emptiest)[:FEW])
    if not found and len(emptiest) == EMPTIEST:
        found = _described(wish, _fitting(wish, but)[:FEW])
    return found


def _fitting(wish: Wish, but: Collection[int]) -> QuerySet[ComputeNode]:
    is_open = Q(state=State.READY) | Q(state=State.CLOSED, closed_for=ClosedFor.CAPACITY)
    nodes = ComputeNode.objects.filter(is_open, room__free_partitions__gt=0).exclude(pk__in=but)
    fitting = _with_company(_with_room(_in_place(nodes, wish.sla), wish), wish)
    return fitting.order_by("-room__free_partitions", "room__node_id")


def _in_place(nodes: QuerySet[ComputeNode], sla: Mapping[str, Any]) -> QuerySet[ComputeNode]:
    if "node" in sla:
        nodes = nodes.filter(Q(name=sla["node"]) | Q(reference=sla["node"]))
    if "region" in sla:
        nodes = nodes.filter(region=sla["region"])
    if "regions" in sla:
        nodes = nodes.filter(region__in=sla["regions"])
    if "countries" in sla:
        nodes = nodes.filter(country__in=sla["countries"])
    if "network" in sla:
        nodes = nodes.filter(network=sla["network"])
    if "labels" in sla:
        nodes = nodes.filter(labels__contains=sla["labels"])
    return nodes


def _with_room(nodes: QuerySet[ComputeNode], wish: Wish) -> QuerySet[ComputeNode]:
    if wish.memory_bytes:
        needed = wish.memory_bytes + F("room__reserved_memory_bytes")
        nodes = nodes.alias(memory=_fact("memory_bytes")).filter(_holds("memory", needed))
    if wish.disk_bytes:
        needed = wish.disk_bytes + F("room__reserved_disk_bytes")
        nodes = nodes.alias(disk=_fact("disk_bytes"), disk_free=_fact("disk_free_bytes"))
        nodes = nodes.filter(_holds("disk", needed), _holds("disk_free", wish.disk_bytes))
    return nodes


def _fact(name: str) -> RawSQL:
    return RawSQL(_FACT, (name, name), output_field=DecimalField())  # noqa: S611  (a constant)


def _holds(fact: str, needed: int | CombinedExpression) -> Q:
    return Q(**{fact: None}) | Q(**{f"{fact}__gte": needed})


def _with_company(nodes: QuerySet[ComputeNode], wish: Wish) -> QuerySet[ComputeNode]:
    sla = wish.sla
    nodes = nodes.alias(asker=Value(wish.path, output_field=TextField()))
    is_mine = Q(asker__startswith=F("dedicated_to__path"))
    nodes = nodes.filter(is_mine if sla.get("dedicated") else Q(dedicated_to=None) | is_mine)
    on_it = _PLACED.filter(node_id=OuterRef("pk"))
    of_customer = on_it.filter(organisation_id=wish.organisation)
    for one in sla.get("with", ()):
        nodes = nodes.filter(Exists(of_customer.filter(_named([one]))))
    if "not_with" in sla:
        nodes = nodes.exclude(Exists(of_customer.filter(_named(sla["not_with"]))))
    if sla.get("unique_by_network"):
        taken = _like(wish).values("node__network")
        nodes = nodes.exclude(network="").exclude(network__in=taken)
    strangers = on_it.exclude(organisation_id=wish.organisation)
    is_apart = Q(is_privileged=True) | Q(shares_customers=True)
    return nodes.filter(is_apart | ~Exists(strangers))


def _named(references: Iterable[str]) -> Q:
    names = list(references)
    return Q(reference__in=names) | Q(line__contract__reference__in=names)


def _like(wish: Wish) -> QuerySet[Instance]:
    """Return the customer's instances of the same product that have a place."""
    return _PLACED.filter(organisation_id=wish.organisation, release__product=wish.product)


def _described(wish: Wish, nodes: QuerySet[ComputeNode]) -> list[Candidate]:
    rows = list(nodes.values(*_COLUMNS))
    pks = [row["pk"] for row in rows]
    neighbours = _neighbours(wish, pks)
    customers = _customers([row["pk"] for row in rows if not row["is_privileged"]])
    likes = _likes(wish)
    return [
        Candidate(
            pk=row["pk"],
            reference=row["reference"],
            name=row["name"],
            region=row["region"],
            country=row["country"],
            network=row["network"],
            labels=frozenset(row["labels"]),
            state=row["state"],
            state_reason=row["state_reason"],
            closed_for=row["closed_for"],
            free_partitions=row["room__free_partitions"] or 0,
            free_memory_bytes=_left(row, "memory_bytes", "room__reserved_memory_bytes"),
            free_disk_bytes=_free_disk(row),
            is_privileged=bool(row["is_privileged"]),
            shares_customers=row["shares_customers"],
            dedicated_to=row["dedicated_to__path"] or "",
            customers=frozenset(customers[row["pk"]]),
            neighbours=frozenset(neighbours[row["pk"]]),
            like_in_network=likes.get(row["network"], ""),
        )
        for row in rows
    ]


def _neighbours(wish: Wish, nodes: list[int]) -> dict[int, set[str]]:
    """Return which of the instances that the wish names are on each node."""
    found: dict[int, set[str]] = defaultdict(set)
    named = [*wish.sla.get("with", ()), *wish.sla.get("not_with", ())]
    if named:
        mine = _PLACED.filter(_named(named), organisation_id=wish.organisation, node__in=nodes)
        columns = ("node_id", "reference", "line__contract__reference")
        for node, reference, contract in mine.values_list(*columns):
            found[node or 0] |= {reference, contract}
    return found


def _customers(nodes: list[int]) -> dict[int, set[int]]:
    """Return who has instances on each of the nodes that keep nobody apart."""
    found: dict[int, set[int]] = defaultdict(set)
    if nodes:
        rows = _PLACED.filter(node__in=nodes).order_by()
        for node, organisation in rows.values_list("node_id", "organisation_id").distinct():
            found[node or 0].add(organisation)
    return found


def _likes(wish: Wish) -> dict[str, str]:
    if not wish.sla.get("unique_by_network"):
        return {}
    rows = _like(wish).order_by("-pk").values_list("node__network", "reference")
    return {str(network): reference for network, reference in rows}


def _left(row: Mapping[str, Any], fact: str, reserved: str) -> int | None:
    """Return what is left of what a node has, if it told that in a number."""
    total = row["facts"].get(fact)
    if isinstance(total, bool) or not isinstance(total, int):
        return None
    return total - (row[reserved] or 0 if reserved else 0)


def _free_disk(row: Mapping[str, Any]) -> int | None:
    promised = _left(row, "disk_bytes", "room__reserved_disk_bytes")
    found = _left(row, "disk_free_bytes", "")
    return min((size for size in (promised, found) if size is not None), default=None)


def hosts_for(shared: Instance, wish: Wish) -> list[Host]:
    """Return the instances that could take a shared one: of its customer, or of who sells to it."""
    kind = shared.release.profile["types"][shared.software_type]
    found = (
        Instance.objects.alias(asker=Value(wish.path, output_field=TextField()))
        .filter(release__product=wish.product, software_type=kind["shared_on"])
        .filter(partition__isnull=False, asker__startswith=F("organisation__path"))
        .annotate(taken=Count("shared"))
        .filter(taken__lt=MOST_ON_ONE_HOST)
        .order_by("taken", "pk")[:MOST_HOSTS]
    )
    hosts = list(found)
    nodes = ComputeNode.objects.filter(pk__in=[host.node_id for host in hosts])
    places = {place.pk: place for place in _described(wish, nodes)}
    return [
        Host(
            pk=host.pk,
            reference=host.reference,
            organisation=host.organisation_id,
            requested_state=host.requested_state,
            state=host.state,
            node=places[host.node_id or 0],
            taken=host.taken,
        )
        for host in hosts
    ]
