"""Nodes close and open by themselves; what a person closed stays closed."""

from datetime import timedelta
from typing import Any

import pytest

from erp.base.journal import history
from erp.tickets.models import Ticket
from orchestration.nodes import following, services, tasks
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on

pytestmark = pytest.mark.django_db
WELL: dict[str, Any] = {"disk_bytes": 1000, "disk_free_bytes": 500}
FULL_DISK: dict[str, Any] = WELL | {"disk_free_bytes": 10}


def stands(node: ComputeNode) -> tuple[str, str, str]:
    node.refresh_from_db()
    return node.state, node.closed_for, node.state_reason


def events(node: ComputeNode) -> list[str]:
    return [line.event for line in history(node)]


def test_a_full_node_closes_once_and_opens_when_there_is_room() -> None:
    node = a_node(partitions=1)
    instance = an_instance_on(node)
    for _ in range(2):
        tasks.sweep_standing()
        assert stands(node) == ("closed", "capacity", "it has no free partition")
    type(instance).objects.filter(pk=instance.pk).update(state="wiped", partition=None)
    for _ in range(2):
        tasks.sweep_standing()
        assert stands(node) == ("ready", "", "there is room again")
    assert events(node) == ["closed", "ready"]
    assert not Ticket.objects.exists()


def test_a_failing_promise_closes_at_once_tells_later_and_is_over_by_itself() -> None:
    node = a_node(facts=FULL_DISK)
    following.follow(node.pk, at=NOON)
    why = "1 % of the disk is free; 8 % should be"
    assert stands(node) == ("closed", "promises", why)
    following.follow(node.pk, at=NOON + timedelta(minutes=1))
    assert not Ticket.objects.exists()
    for minutes in (3, 4):
        following.follow(node.pk, at=NOON + timedelta(minutes=minutes))
        ticket = Ticket.objects.get()
        assert ticket.messages.get().body == f"disk: {why}, since 2026-11-01T12:00:00 UTC."
    ComputeNode.objects.filter(pk=node.pk).update(facts=WELL)
    for minutes in (5, 6):
        following.follow(node.pk, at=NOON + timedelta(minutes=minutes))
        assert stands(node) == ("ready", "", "it is well again")
        ticket.refresh_from_db()
        assert (ticket.state, ticket.messages.count()) == ("closed", 2)
    assert node.failing == {}


def test_what_a_person_closed_stays_closed_and_its_promises_are_told_all_the_same() -> None:
    node = a_node(facts=FULL_DISK)
    services.close_for_maintenance(node, at=NOON, by="alice", why="new disks")
    for minutes in (0, 3):
        following.follow(node.pk, at=NOON + timedelta(minutes=minutes))
    assert stands(node) == ("closed", "maintenance", "new disks")
    assert Ticket.objects.get().cause == f"node:{node.reference}:promises"
    ComputeNode.objects.filter(pk=node.pk).update(facts=WELL)
    following.follow(node.pk, at=NOON + timedelta(minutes=4))
    assert stands(node) == ("closed", "maintenance", "new disks")
    assert Ticket.objects.get().state == "closed"


def test_a_person_takes_over_what_closed_itself() -> None:
    node = a_node(facts=FULL_DISK)
    following.follow(node.pk, at=NOON)
    node.refresh_from_db()
    services.close(node, at=NOON, by="alice", why="I look at it")
    ComputeNode.objects.filter(pk=node.pk).update(facts=WELL)
    tasks.sweep_standing()
    assert stands(node) == ("closed", "hand", "I look at it")


def test_a_full_node_that_fails_too_says_the_worse_reason() -> None:
    node = a_node(partitions=0)
    tasks.sweep_standing()
    assert stands(node)[1] == "capacity"
    ComputeNode.objects.filter(pk=node.pk).update(clock_offset_ms=90_000)
    tasks.sweep_standing()
    assert stands(node) == ("closed", "promises", "the clock is 90.0 seconds ahead of the Master's")
    ComputeNode.objects.filter(pk=node.pk).update(clock_offset_ms=0)
    tasks.sweep_standing()
    assert stands(node)[1] == "capacity"


@pytest.mark.parametrize("change", [{"failures": 1}, {"state": "unreachable"}])
def test_of_a_node_that_does_not_answer_nothing_is_concluded(change: dict[str, Any]) -> None:
    node = a_node(**({"facts": FULL_DISK} | change))
    tasks.sweep_standing()
    following.follow(node.pk, at=NOON)
    assert stands(node)[0] == change.get("state", "ready")
    assert node.failing == {}
