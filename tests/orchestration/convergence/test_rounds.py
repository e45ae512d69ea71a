"""Many nodes are asked at once: who has nothing new costs little, who says more gets a pass."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestration.convergence import connections, documents, lease, rounds
from orchestration.convergence.lanes import queue_of, route
from orchestration.convergence.services import IDLE, worker_name
from orchestration.convergence.ssh import NodeUnreachable
from orchestration.metering.models import Sample
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode, NodeLease
from orchestration.nodes.states import Carrier
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.convergence.reports import a_report

pytestmark = pytest.mark.django_db
SAME = {"op": "same"}


class FakeSession:
    """An open session whose node gives one answer."""

    def __init__(self) -> None:
        self.answer: Mapping[str, Any] = SAME
        self.asked: list[Mapping[str, Any]] = []
        self.waited: list[float] = []

    def say(self, message: Mapping[str, Any]) -> None:
        self.asked.append(message)

    def hear(self, *, seconds: float, most: float) -> Mapping[str, Any]:
        assert most == seconds
        self.waited.append(seconds)
        if not self.answer:
            raise NodeUnreachable("it does not answer")
        return self.answer


class FakeConnection:
    """A connection that stands until it is closed."""

    is_open = True

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def open_sessions(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    found: dict[int, Any] = {}
    monkeypatch.setattr(connections, "_open", found)
    return found


def a_settled_node(open_sessions: dict[int, Any], name: str = "node-1") -> ComputeNode:
    """A node that has what it should, and with which this process has a session."""
    node = a_node(name, agent_version=version(), report_hash="known")
    NodeLease.objects.create(organisation=node.organisation, node=node)
    an_instance_on(node)
    documents.recompute(node.pk, at=NOON)
    node.refresh_from_db()
    ComputeNode.objects.filter(pk=node.pk).update(applied_revision=node.desired_revision)
    open_sessions[node.pk] = (connections._place(node), FakeConnection(), FakeSession())
    return node


def session_of(open_sessions: dict[int, Any], node: ComputeNode) -> FakeSession:
    found: FakeSession = open_sessions[node.pk][2]
    return found


def clock() -> datetime:
    return NOON


def test_who_says_the_same_is_done_and_visited_again_later(open_sessions: dict[int, Any]) -> None:
    node = a_settled_node(open_sessions)
    assert rounds.visit([node.pk], clock=clock) == []
    asked = session_of(open_sessions, node).asked
    assert [(one["op"], one["seen"], one["fence"]) for one in asked] == [("poll", "known", 1)]
    node.refresh_from_db()
    assert (node.last_seen_at, node.next_attempt_at) == (NOON, NOON + IDLE)
    assert node.lease.until is None


def test_the_fence_stays_while_all_is_in_order(open_sessions: dict[int, Any]) -> None:
    node = a_settled_node(open_sessions)
    for _ in range(3):
        assert rounds.visit([node.pk], clock=clock) == []
    asked = session_of(open_sessions, node).asked
    assert [one["fence"] for one in asked] == [1, 1, 1]


def test_a_round_over_many_costs_as_many_statements_as_over_one(
    open_sessions: dict[int, Any],
) -> None:
    nodes = [a_settled_node(open_sessions, f"node-{number}").pk for number in range(4)]
    counts = []
    for some in (nodes[:1], nodes):
        with CaptureQueriesContext(connection) as made:
            assert rounds.visit(some, clock=clock) == []
        counts.append(len(made))
    assert counts == [2, 2]


def test_a_round_keeps_how_far_each_clock_is(open_sessions: dict[int, Any]) -> None:
    late, right, dumb = (a_settled_node(open_sessions, name) for name in ("late", "right", "dumb"))
    ComputeNode.objects.filter(pk=dumb.pk).update(clock_offset_ms=7)
    session_of(open_sessions, late).answer = SAME | {"at": time.time() - 90}
    session_of(open_sessions, right).answer = SAME | {"at": time.time()}
    assert rounds.visit([late.pk, right.pk, dumb.pk], clock=clock) == []
    for node in (late, right, dumb):
        node.refresh_from_db()
    assert late.clock_offset_ms is not None
    assert -90_500 < late.clock_offset_ms <= -89_000
    assert right.clock_offset_ms is not None
    assert abs(right.clock_offset_ms) < 1000
    assert dumb.clock_offset_ms is None


def test_samples_are_stored_in_the_round(open_sessions: dict[int, Any]) -> None:
    node = a_settled_node(open_sessions)
    instance = node.instances.get()
    sample = {
        "seq": 7, "instance_uid": instance.reference, "meter": "cpu_seconds", "unit": "s",
        "value": "1", "from": (NOON - timedelta(seconds=9)).isoformat(), "to": NOON.isoformat(),
    }  # fmt: skip
    node.refresh_from_db()
    report = a_report(
        node=node.reference,
        revision_applied=node.applied_revision,
        state_hash="known",
        samples=[sample],
    )
    session_of(open_sessions, node).answer = {"op": "report", "report": report}
    assert rounds.visit([node.pk], clock=clock) == []
    node.refresh_from_db()
    assert (node.spool_epoch, node.spool_position, Sample.objects.count()) == ("e", 7, 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"op": "want", "want": ["desired"]},
        {"op": "report", "report": {"state_hash": "news"}},
        {"op": "report", "report": {"state_hash": "known"}},
        {"op": "report", "report": "nothing that can be read"},
        {},
    ],
    ids=["wishes", "news", "unreadable", "no report", "silence"],
)
def test_who_says_anything_else_is_given_back_for_a_pass_of_its_own(
    open_sessions: dict[int, Any], answer: dict[str, Any]
) -> None:
    quiet = a_settled_node(open_sessions, "quiet")
    node = a_settled_node(open_sessions, "loud")
    session_of(open_sessions, node).answer = answer
    assert rounds.visit([node.pk, quiet.pk], clock=clock) == [node.pk]
    node.refresh_from_db()
    assert (node.lease.until, node.last_seen_at, node.failures) == (None, None, 0)
    quiet.refresh_from_db()
    assert quiet.last_seen_at == NOON


def test_a_silent_node_loses_its_session_and_its_fence(open_sessions: dict[int, Any]) -> None:
    node = a_settled_node(open_sessions)
    session_of(open_sessions, node).answer = {}
    assert rounds.visit([node.pk], clock=clock) == [node.pk]
    assert node.pk not in open_sessions
    assert lease.claim(node.pk, owner=worker_name(), at=NOON) == 2


def test_nobody_waits_long_for_the_slowest(open_sessions: dict[int, Any]) -> None:
    nodes = [a_settled_node(open_sessions, f"node-{number}") for number in range(3)]
    rounds.visit([node.pk for node in nodes], clock=clock)
    waited = [session_of(open_sessions, node).waited[0] for node in nodes]
    assert all(0 < seconds <= rounds.ROUND_SECONDS for seconds in waited)
    assert waited == sorted(waited, reverse=True), "they share one deadline"


@pytest.mark.parametrize(
    "changes",
    [
        {"failures": 1},
        {"state": "unreachable"},
        {"applied_revision": "another"},
        {"desired_source": "rows of before"},
        {"host": "moved.example"},
        {"carrier": "https"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_who_is_not_as_it_should_be_is_not_asked_in_a_round(
    open_sessions: dict[int, Any], changes: dict[str, Any]
) -> None:
    node = a_settled_node(open_sessions)
    session = session_of(open_sessions, node)
    ComputeNode.objects.filter(pk=node.pk).update(**changes)
    assert rounds.visit([node.pk], clock=clock) == [node.pk]
    assert session.asked == []


def test_a_node_that_another_worker_holds_is_not_asked(open_sessions: dict[int, Any]) -> None:
    node = a_settled_node(open_sessions)
    assert lease.claim(node.pk, owner="another", at=NOON) == 1
    assert rounds.visit([node.pk], clock=clock) == [node.pk]
    assert session_of(open_sessions, node).asked == []


def test_without_a_session_nothing_is_asked_of_the_database(
    open_sessions: dict[int, Any], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert rounds.visit([1, 2], clock=clock) == [1, 2]


def test_what_was_handed_out_is_due_again_only_later() -> None:
    node = a_node()
    assert rounds.hand_out(most=10, at=NOON) == [node.pk]
    assert rounds.hand_out(most=10, at=NOON) == []
    assert rounds.hand_out(most=10, at=NOON + rounds.HANDED_ON) == [node.pk]


def test_a_node_that_calls_is_handed_to_no_round() -> None:
    a_node(carrier=Carrier.HTTPS)
    assert rounds.hand_out(most=10, at=NOON) == []


def test_all_tasks_of_a_node_go_to_its_lane(settings: Any) -> None:
    settings.CONVERGE_LANES = 2
    assert [queue_of(pk) for pk in (4, 5)] == ["converge", "converge-1"]
    task = "orchestration.convergence.tasks."
    assert route(task + "converge_node", (), {"node": 5}, {}) == {"queue": "converge-1"}
    assert route(task + "visit_nodes", (), {"nodes": [5, 7]}, {}) == {"queue": "converge-1"}
    assert route(task + "sweep_nodes", (), {}, {}) == {"queue": "converge"}
    assert route("billing.runs.tasks.sweep_runs", (), {}, {}) is None
