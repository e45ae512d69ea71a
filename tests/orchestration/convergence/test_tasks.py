"""Sweeps hand every node that is due to its own task; running them twice changes nothing."""

import time
from datetime import timedelta
from typing import Any

import pytest

from erp.base.doors import now
from erp.base.secret_parameters import SEALED
from erp.base.secrets import seal
from erp.tickets.models import Ticket
from orchestration.convergence import tasks
from orchestration.convergence.models import ConvergencePass
from orchestration.convergence.ssh import NodeUnreachable
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.orchestration.builders import a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.convergence.reports import a_partition, a_report
from tests.orchestration.nodes import a_registered_node

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the sweeps hand on."""
    found: list[tuple[str, dict[str, Any]]] = []
    for task in (tasks.converge_node, tasks.visit_nodes, tasks.enrol_node):
        name = task.name.rsplit(".", 1)[-1]
        monkeypatch.setattr(task, "delay", lambda name=name, **keys: found.append((name, keys)))
    return found


class FakeNode:
    """A session with a node that does what it is told at once, is busy with it, or is away."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.is_away = self.is_busy = False
        self.clock_is_ahead = 0.0

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.is_away:
            raise NodeUnreachable("it does not answer")
        if message["op"] == "desired":
            self.document = message["document"]
            return {"op": "accepted"}
        if self.document.get("revision") != message["revision"]:
            return {"op": "want", "want": ["desired"]}
        said = {"at": time.time() + self.clock_is_ahead}
        if message["seen"] == "h" + self.document["revision"][:8] + str(self.is_busy):
            return {"op": "same", "revision": self.document["revision"], "position": 0} | said
        return {"op": "report", "report": self._report()} | said

    def _report(self) -> dict[str, Any]:
        revision = self.document["revision"]
        found = [
            a_partition(
                name=slot["name"],
                instance_uid=slot["instance"]["uid"],
                generation=slot["instance"]["generation"],
            )
            for slot in self.document["partitions"]
            if slot["instance"]
        ]
        return a_report(
            node=self.document["node"],
            revision=revision,
            revision_applied="" if self.is_busy else revision,
            state_hash="h" + revision[:8] + str(self.is_busy),
            partitions=found,
            releases=[],
        )


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    fake = FakeNode()
    monkeypatch.setattr(
        "orchestration.convergence.services.connections.session_of", lambda node: fake
    )
    return fake


def a_leased_node() -> ComputeNode:
    node = a_node()
    NodeLease.objects.create(organisation=node.organisation, node=node)
    return node


def test_a_document_that_changed_is_handed_on_once(sent: list[Any]) -> None:
    node = a_leased_node()
    an_instance_on(node)
    tasks.sweep_desired()
    tasks.sweep_desired()
    assert sent == [("converge_node", {"node": node.pk})]


def test_a_document_that_cannot_be_made_keeps_no_other_waiting(sent: list[Any]) -> None:
    broken = an_instance_on(a_leased_node())
    broken.parameters = {"key": {SEALED: seal("x", where="elsewhere")}}
    broken.save()
    fine = a_node("fine")
    an_instance_on(fine)
    tasks.sweep_desired()
    assert sent == [("converge_node", {"node": fine.pk})]


def test_nodes_that_are_due_are_handed_on_once_and_no_others(sent: list[Any]) -> None:
    due, later = a_node("due"), a_node("later")
    ComputeNode.objects.filter(pk=later.pk).update(next_attempt_at=now() + timedelta(hours=1))
    a_node("retired", state="retired")
    tasks.sweep_nodes()
    tasks.sweep_nodes()
    assert sent == [("visit_nodes", {"nodes": [due.pk]})]


def test_a_round_hands_on_who_needs_a_pass_of_its_own_and_may_come_twice(sent: list[Any]) -> None:
    node = a_leased_node()
    tasks.visit_nodes(nodes=[node.pk])
    tasks.visit_nodes(nodes=[node.pk])
    assert sent == [("converge_node", {"node": node.pk, "why": "its turn"})] * 2


def test_a_pass_run_twice_converges_once(far: FakeNode) -> None:
    node = a_leased_node()
    instance = an_instance_on(node)
    tasks.converge_node(node=node.pk)
    tasks.converge_node(node=node.pk)
    instance.refresh_from_db()
    assert (instance.state, instance.observed_generation) == ("started", 1)
    done = ConvergencePass.objects.get()
    assert (done.outcome, done.plan) == (
        "done",
        [f"p0: install {instance.reference} and have it started"],
    )
    node.refresh_from_db()
    assert node.applied_revision == node.desired_revision != ""
    assert node.lease.until is None


def test_a_busy_node_is_asked_again_and_its_visits_are_one_pass(
    far: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks, "STAY", 0.0)
    monkeypatch.setattr(tasks.converge_node, "apply_async", lambda **how: again.append(how))
    node = a_leased_node()
    an_instance_on(node)
    far.is_busy = True
    tasks.converge_node(node=node.pk)
    tasks.converge_node(**again[0]["kwargs"])
    assert [how["kwargs"]["times"] for how in again] == [1, 2]
    assert [round(how["countdown"], 2) for how in again] == [0.4, 0.52]
    assert ConvergencePass.objects.get().outcome == "converging"
    # A sweep comes by itself again, and the last time is the last.
    tasks.converge_node(node=node.pk, why=tasks.ITS_TURN)
    tasks.converge_node(node=node.pk, times=tasks.MOST_TIMES)
    assert len(again) == 2
    far.is_busy = False
    tasks.converge_node(**again[1]["kwargs"])
    assert (len(again), ConvergencePass.objects.get().outcome) == (2, "done")


def test_a_node_that_is_away_is_one_incident_however_often_it_is_tried(far: FakeNode) -> None:
    node = a_leased_node()
    far.is_away = True
    for _ in range(4):
        tasks.converge_node(node=node.pk)
    node.refresh_from_db()
    assert (node.state, node.failures, node.last_error) == ("unreachable", 4, "it does not answer")
    assert node.next_attempt_at is not None
    assert node.next_attempt_at > now()
    assert Ticket.objects.get().state == "open"
    far.is_away = False
    tasks.converge_node(node=node.pk)
    node.refresh_from_db()
    assert (node.state, node.failures, Ticket.objects.get().state) == ("ready", 0, "closed")


def test_a_node_that_is_not_there_or_not_visited_is_nobodys_work(far: FakeNode) -> None:
    tasks.converge_node(node=0)
    tasks.converge_node(node=a_node(state="retired").pk)
    assert not ConvergencePass.objects.exists()


def test_machines_that_stand_still_are_handed_on_and_failed_ones_wait(sent: list[Any]) -> None:
    node = a_registered_node()
    failed = a_registered_node(name="other", host="192.0.2.8")
    failed.steps.filter(name="Sign in").update(state="failed")
    tasks.sweep_enrolments()
    tasks.sweep_enrolments()
    assert sent == [("enrol_node", {"node": node.pk})] * 2


@pytest.mark.parametrize("state", ["closed", "draining"])
def test_a_node_that_is_set_aside_and_vanishes_is_one_incident_too(
    far: FakeNode, state: str
) -> None:
    node = a_leased_node()
    ComputeNode.objects.filter(pk=node.pk).update(state=state, state_reason="new disks")
    far.is_away = True
    for count in (0, 1, 1, 1):
        tasks.converge_node(node=node.pk)
        assert Ticket.objects.count() == count
    node.refresh_from_db()
    assert (node.state, node.state_reason) == (state, "new disks")
    assert Ticket.objects.get().messages.count() == 1
    far.is_away = False
    for _ in range(2):
        tasks.converge_node(node=node.pk)
    node.refresh_from_db()
    assert (node.state, node.failures) == (state, 0)
    ticket = Ticket.objects.get()
    assert (ticket.state, ticket.messages.count()) == ("closed", 2)


def test_each_pass_measures_the_nodes_clock(far: FakeNode) -> None:
    node = a_leased_node()
    for seconds in (0.0, 90.0, -7200.0):
        far.clock_is_ahead = seconds
        tasks.converge_node(node=node.pk)
        node.refresh_from_db()
        assert node.clock_offset_ms is not None
        assert abs(node.clock_offset_ms - seconds * 1000) < 5000
