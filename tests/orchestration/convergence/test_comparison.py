"""After a restore of the Master a node that is ahead is shown, and changed only when accepted."""

from collections.abc import Mapping
from typing import Any

import pytest

from erp.tickets.models import Ticket
from orchestration.convergence import comparison, services
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.nodes import an_operator

pytestmark = pytest.mark.django_db


class Node:
    """Answers every poll with the same report, and keeps what it was asked."""

    def __init__(self, node: ComputeNode, *partitions: dict[str, Any]) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.report = {
            "format": "tenantry.report/1", "node": node.reference, "revision": "r9",
            "revision_applied": "r9", "state_hash": "h", "agent_version": "a", "epoch": "e",
            "partitions": list(partitions), "releases": [], "samples": [], "events": [],
            "facts": {},
        }  # fmt: skip

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(message)
        return {"op": "report", "report": self.report}


def holding(name: str, instance: str, generation: int, state: str = "started") -> dict[str, Any]:
    return {
        "name": name, "instance_uid": instance, "generation": generation, "state": state,
        "reason": "", "log_tail": "", "connection": {}, "promises": [],
    }  # fmt: skip


def restored() -> tuple[ComputeNode, Instance]:
    node = a_node()
    NodeLease.objects.create(organisation=node.organisation, node=node, fence=3)
    instance = an_instance_on(node, state="started")
    for _ in range(2):
        comparison.begin_all(at=NOON, by="restore")
    node.refresh_from_db()
    return node, instance


def visited(node: ComputeNode, session: Node) -> ComputeNode:
    services.converge(node.pk, clock=lambda: NOON, why="test", session=session)
    return ComputeNode.objects.get(pk=node.pk)


def test_a_node_that_agrees_goes_on_as_usual() -> None:
    node, instance = restored()
    assert NodeLease.objects.get().fence == 1_000_003
    told = Node(node, holding("p0", instance.reference, 1), holding("p1", "", 0, "empty"))
    comparison.compare(node, told, fence=1_000_003, at=NOON)
    node.refresh_from_db()
    assert (node.compare_since, node.differences) == (None, [])
    assert [(one["op"], one["revision"]) for one in told.asked] == [("poll", "")]
    assert not Ticket.objects.exists()


def test_a_node_that_is_ahead_is_given_nothing_until_somebody_has_looked() -> None:
    node, instance = restored()
    ahead = Node(
        node, holding("p0", instance.reference, 4), holding("p1", "I-LATER000", 1),
    )  # fmt: skip
    for _ in range(2):
        node = visited(node, ahead)
    assert [one["said"] for one in node.differences] == [
        f"{instance.reference} is at generation 4, the Master knows 1: what was changed since "
        "would be undone",
        "it holds I-LATER000, the Master knows none there: what it holds would be wiped",
    ]
    assert {one["op"] for one in ahead.asked} == {"poll"}
    assert all(one["revision"] == "" for one in ahead.asked)
    assert Ticket.objects.get().messages.count() == 1

    client = an_operator()
    page = client.get(f"/maintenance/of-node/{node.reference}").content.decode()
    assert "It is ahead of the restored Master" in page
    path = f"/maintenance/of-node/{node.reference}/accept"
    client.post(path, {"name": "another"})
    assert ComputeNode.objects.get().compare_since is not None
    client.post(path, {"name": node.name})
    node = ComputeNode.objects.get()
    assert (node.compare_since, node.differences, node.desired_source) == (None, [], "")
    instance.refresh_from_db()
    assert instance.generation == 5, "generations never go backwards"
    assert Ticket.objects.get().state == "closed"
