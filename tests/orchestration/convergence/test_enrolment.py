"""Each step of preparing a machine says how it went, and a second try resumes."""

from datetime import datetime, timedelta

import pytest

from orchestration.convergence import enrolment, lease, tasks
from orchestration.nodes.models import ComputeNode, ComputePartition, NodeLease
from orchestration.nodes.services import STEPS, try_again
from tests.orchestration.builders import NOON
from tests.orchestration.convergence.machine import FakeMachine
from tests.orchestration.nodes import HOST_KEY, a_registered_node

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    return FakeMachine().plug_in(monkeypatch)


def clock() -> datetime:
    return NOON


def enrolled(node: ComputeNode) -> ComputeNode:
    enrolment.enrol(node.pk, clock=clock)
    return ComputeNode.objects.get(pk=node.pk)


def states(node: ComputeNode) -> dict[str, str]:
    return dict(node.steps.values_list("name", "state"))


def failed(node: ComputeNode) -> tuple[str, str]:
    step = node.steps.get(state="failed")
    assert [state for state in states(node).values() if state == "running"] == []
    return step.name, step.message


def test_all_steps_are_done_and_the_credential_is_forgotten(machine: FakeMachine) -> None:
    node = enrolled(a_registered_node())
    assert states(node) == dict.fromkeys(STEPS, "done")
    assert (node.state, node.credential_sealed, node.credential_kind) == ("ready", "", "")
    assert (node.facts, node.is_privileged) == ({"cpus": 2, "privileged": True}, True)
    ports = ComputePartition.objects.order_by("pk").values_list("name", "port_first", "port_count")
    assert list(ports) == [("p0", 21000, 10), ("p1", 21010, 10)]
    assert machine.asked["public_key"] == node.public_key
    assert "once" not in str(machine.asked) + str(machine.commands)


def test_a_machine_that_is_prepared_is_left_alone(machine: FakeMachine) -> None:
    node = enrolled(a_registered_node())
    machine.commands.clear()
    assert not enrolment.enrol(node.pk, clock=clock)
    assert machine.commands == []


def test_without_a_pinned_key_the_shown_one_waits_for_confirmation(machine: FakeMachine) -> None:
    node = enrolled(a_registered_node(host_key=""))
    name, message = failed(node)
    assert name == "Check the host key"
    assert message.startswith("The machine shows ssh-ed25519 SHA256:")
    assert (machine.commands, node.state) == ([], "enrolling")


def test_another_host_key_than_the_pinned_one_is_refused(machine: FakeMachine) -> None:
    machine.host_key = HOST_KEY.replace("AAAA", "AAAB")
    assert failed(enrolled(a_registered_node())) == (
        "Sign in",
        "shows another host key than the pinned one",
    )


def test_a_wrong_password_is_said_and_can_be_mended(machine: FakeMachine) -> None:
    node = enrolled(a_registered_node(password="wrong"))
    assert failed(node)[0] == "Sign in"
    assert node.last_error == "192.0.2.7 refuses user root with this password"
    try_again(node, at=NOON, by="test", password="once")
    assert enrolled(node).state == "ready"


@pytest.mark.parametrize("name", ["Check the system", "Create users and partitions", "Take facts"])
def test_a_step_that_fails_on_the_machine_keeps_what_it_said(
    machine: FakeMachine, name: str
) -> None:
    machine.fails_at = name
    node = enrolled(a_registered_node())
    assert failed(node) == (name, "said")
    assert states(node)["Sign in with the node's own key"] == "waiting"
    assert node.credential_sealed, "the next try needs it"
    machine.fails_at = ""
    try_again(node, at=NOON, by="test")
    assert enrolled(node).state == "ready"


def test_the_nodes_own_key_is_made_once_however_often_it_is_tried(machine: FakeMachine) -> None:
    machine.fails_at = "Take facts"
    first = enrolled(a_registered_node()).public_key
    machine.fails_at = ""
    node = ComputeNode.objects.get()
    try_again(node, at=NOON, by="test")
    assert enrolled(node).public_key == first


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["<html>"], "something else than a step"),
        (['{"step": 1}'], "something else than a step"),
        (['{"step": "Check the system", "ok": true, "message": ""}'], "without its facts"),
    ],
)
def test_a_machine_that_says_something_else_is_not_believed(
    machine: FakeMachine, said: list[str], message: str
) -> None:
    machine.says = said
    node = enrolled(a_registered_node())
    assert message in node.last_error
    assert node.state == "enrolling"


@pytest.mark.parametrize(
    "said", [["<html>"], ['{"step": "Check the system", "ok": true, "message": ""}']]
)
def test_no_step_goes_on_running_after_an_error(machine: FakeMachine, said: list[str]) -> None:
    machine.says = said
    failed(enrolled(a_registered_node()))


def test_a_connection_that_breaks_in_the_middle_fails_the_step_under_way(
    machine: FakeMachine,
) -> None:
    machine.breaks_off_after = "Install the agent"
    node = enrolled(a_registered_node())
    assert failed(node) == ("Install the node's own key", "the connection broke")


def test_two_workers_at_once_prepare_it_once(machine: FakeMachine) -> None:
    node = a_registered_node()
    lease.claim(node.pk, owner="other", at=NOON)
    assert not enrolment.enrol(node.pk, clock=clock)
    assert states(node) == dict.fromkeys(STEPS, "waiting")
    NodeLease.objects.update(until=NOON - timedelta(seconds=1))
    assert enrolled(node).state == "ready"


def test_the_task_run_twice_prepares_the_machine_once(machine: FakeMachine) -> None:
    node = a_registered_node()
    tasks.enrol_node(node=node.pk)
    commands = len(machine.commands)
    tasks.enrol_node(node=node.pk)
    assert len(machine.commands) == commands == 2
    tasks.enrol_node(node=0)
