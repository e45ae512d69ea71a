"""Empty a node: show where its instances would go, and send off those that it never had."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from erp.base.lifecycle import move
from erp.base.nudges import announce
from orchestration.allocation.choose import Candidate, choose
from orchestration.allocation.queries import candidates, shortlist
from orchestration.allocation.services import BY, wish_of
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.nodes import services as nodes
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode

# A preview looks for a place for so many; a node has at most 200 partitions.
MOST = 200
MOST_REASONED = 200


@dataclass(frozen=True, slots=True)
class Move:
    """Where one instance of a node would go, or why nowhere.

    Args:
        is_at_once: nothing of it is on the node yet: it goes as soon as the node is drained.
    """

    instance: Instance
    goes_to: Candidate | None
    reasons: tuple[str, ...]
    is_at_once: bool


class _WasTold(Exception):
    """The node was told of the instance meanwhile."""


def moves_off(node: ComputeNode) -> list[Move]:
    """Return where the instances of a node would go, one after the other."""
    held = Instance.objects.filter(partition__node=node).exclude(
        requested_state=Requested.DESTROYED
    )
    rows = held.select_related("organisation", "release", "line", "partition")
    told = _told(node)
    taken: Counter[int] = Counter()
    found = []
    for instance in rows.defer("release__archive").order_by("pk")[:MOST]:
        found.append(_move_of(instance, node, told=told, taken=taken))
    return found


def _move_of(
    instance: Instance, node: ComputeNode, *, told: frozenset[str], taken: Counter[int]
) -> Move:
    wish = wish_of(instance)
    is_at_once = instance.reference not in told and _is_new(instance)
    # What those before it took is not free any more.
    free = [
        replace(one, free_partitions=one.free_partitions - taken[one.pk])
        for one in shortlist(wish, but=[node.pk])
    ]
    fits = choose(wish, free).fits
    if fits:
        taken[fits[0].pk] += 1
        return Move(instance, fits[0], (), is_at_once)
    others = [one for one in candidates(wish, most=MOST_REASONED) if one.pk != node.pk]
    left = [replace(one, free_partitions=one.free_partitions - taken[one.pk]) for one in others]
    return Move(instance, None, tuple(choose(wish, left).reasons()), is_at_once)


def _is_new(instance: Instance) -> bool:
    is_placed_only = instance.state == State.PLACED and instance.first_started_at is None
    return is_placed_only and instance.requested_state == Requested.STARTED


def _told(node: ComputeNode) -> frozenset[str]:
    """Return the instances that are in the node's document: it may have begun with them."""
    slots = (stored(node) or {}).get("partitions", [])
    return frozenset(slot["instance"]["uid"] for slot in slots if slot["instance"])


def drain(node: ComputeNode, *, at: datetime, by: str, why: str) -> int:
    """Let a node take no new instances; return how many it never had and gave back at once.

    Those that it has stay until their data are moved.
    """
    nodes.drain(node, at=at, by=by, why=why)
    placed = Instance.objects.filter(partition__node=node, state=State.PLACED).order_by("pk")
    return sum(_give_back(pk, node, at=at) for pk in placed.values_list("pk", flat=True))


def _give_back(instance_pk: int, node: ComputeNode, *, at: datetime) -> bool:
    """Let an instance wait for another place, unless its node was told of it."""
    try:
        with transaction.atomic():
            rows = Instance.objects.select_for_update(of=("self",)).filter(partition__node=node)
            instance = rows.filter(pk=instance_pk).first()
            if instance is None or not _is_new(instance):
                return False
            nowhere = {"partition": None, "node": None}
            why = f"{node.name} is drained before it began"
            move(instance, State.WAITING, at=at, by=BY, why=why, also=nowhere)
            # The document is made under this lock: either it has the instance, or never will.
            told = _told(ComputeNode.objects.select_for_update().get(pk=node.pk))
            if instance.reference in told:
                raise _WasTold
            announce("instance.requested", instance=instance.pk)
    except _WasTold:
        return False
    return True
