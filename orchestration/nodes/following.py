"""Close nodes that hold no more or do not keep their promises, and open them again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from erp.base.lifecycle import move
from erp.tickets.services import report_cause, resolve_cause
from orchestration.nodes import standing
from orchestration.nodes.models import ComputeNode, NodeRoom
from orchestration.nodes.queries import VISITED
from orchestration.nodes.states import BY_ITSELF, ClosedFor, State

BY = "standing"


def out_of_step(*, most: int) -> list[int]:
    """Return the nodes whose state or failing promises are not what their facts say.

    Two statements, however many nodes. What cannot be reached is left as it was.
    """
    columns = ("pk", "state", "closed_for", "facts", "clock_offset_ms", "failing")
    rooms = {
        node: (free, reserved)
        for node, free, reserved in NodeRoom.objects.values_list(
            "node_id", "free_partitions", "reserved_memory_bytes"
        )
    }
    nodes = ComputeNode.objects.filter(state__in=VISITED, failures=0)
    found = []
    for row in nodes.exclude(state=State.UNREACHABLE).order_by("pk").values(*columns):
        free, reserved = rooms.get(row["pk"], (0, 0))
        now = standing.failing(row["facts"], row["clock_offset_ms"], already=row["failing"])
        full = standing.full(row["facts"], free_partitions=free, reserved_memory_bytes=reserved)
        wanted = _wanted(now, full)
        is_closed = row["closed_for"] in BY_ITSELF
        differs = row["state"] == State.READY and bool(wanted)
        differs |= is_closed and (not wanted or wanted[0] != row["closed_for"])
        if differs or _messages(row["failing"]) != now or _untold(row["failing"]):
            found.append(row["pk"])
    return found[:most]


def _messages(failing: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: str(one["message"]) for name, one in failing.items()}


def _untold(failing: Mapping[str, Mapping[str, Any]]) -> bool:
    return any(not one["told"] for one in failing.values())


def _wanted(failing: Mapping[str, str], full: str) -> tuple[ClosedFor, str] | None:
    """Return for what a node closes by itself, and why; None while it stays open."""
    if failing:
        return ClosedFor.PROMISES, "; ".join(failing.values())
    return (ClosedFor.CAPACITY, full) if full else None


@transaction.atomic
def follow(node_pk: int, *, at: datetime) -> None:
    """Bring one node to what its facts say; repeating it changes nothing."""
    node = ComputeNode.objects.select_for_update().defer("desired_sealed").get(pk=node_pk)
    if node.failures or node.state not in VISITED or node.state == State.UNREACHABLE:
        return
    room = NodeRoom.objects.filter(node=node).first()
    now = standing.failing(node.facts, node.clock_offset_ms, already=node.failing)
    full = standing.full(
        node.facts,
        free_partitions=room.free_partitions if room else 0,
        reserved_memory_bytes=room.reserved_memory_bytes if room else 0,
    )
    _keep(node, now, at=at)
    wanted = _wanted(now, full)
    if wanted and (node.state == State.READY or node.closed_for in BY_ITSELF):
        kind, why = wanted
        if kind != node.closed_for:
            move(node, State.CLOSED, at=at, by=BY, why=why, also={"closed_for": kind})
    elif not wanted and node.closed_for in BY_ITSELF:
        why = "there is room again" if node.closed_for == ClosedFor.CAPACITY else "it is well again"
        move(node, State.READY, at=at, by=BY, why=why, also={"closed_for": ""})


def _keep(node: ComputeNode, now: Mapping[str, str], *, at: datetime) -> None:
    """Keep since when each promise fails; tell of what lasts once, and when all is over."""
    kept = {
        name: {"since": at.isoformat(), "told": False}
        | node.failing.get(name, {})
        | {"message": message}
        for name, message in now.items()
    }
    news = [
        f"{name}: {one['message']}, since {one['since'][:19]} UTC."
        for name, one in sorted(kept.items())
        if not one["told"] and at - datetime.fromisoformat(one["since"]) > standing.TOLERANCE
    ]
    if news:
        _report(node, news, at=at)
        kept = {name: one | {"told": True} for name, one in kept.items()}
    if not kept and any(one["told"] for one in node.failing.values()):
        resolve_cause(_cause(node), body="All promises are kept again.", at=at, by=BY)
    if kept != node.failing:
        ComputeNode.objects.filter(pk=node.pk).update(failing=kept)
        node.failing = kept


def _report(node: ComputeNode, news: list[str], *, at: datetime) -> None:
    report_cause(
        _cause(node),
        organisation=node.organisation,
        subject=f"Node {node.name} does not keep its promises",
        body="\n".join(news),
        at=at,
        by=BY,
    )


def _cause(node: ComputeNode) -> str:
    return f"node:{node.reference}:promises"
