"""A few nodes at a time are offered another agent, and none once a node has put it back."""

import hashlib
from typing import Any

import pytest

from orchestration.convergence import conversation, upgrades
from orchestration.convergence.observed import parse
from orchestration.convergence.ssh import BadAnswer
from orchestration.nodes import queries
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import a_node
from tests.orchestration.convergence.reports import a_report
from tests.orchestration.convergence.test_conversation import ACCEPTED, FakeSession, want
from tests.orchestration.nodes import an_operator

pytestmark = pytest.mark.django_db
ZIP = b"an agent"
SHIPPED = hashlib.sha256(ZIP).hexdigest()


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Master ships an agent that no node has."""
    monkeypatch.setattr(upgrades, "bundle", lambda: ZIP)
    monkeypatch.setattr(upgrades, "version", lambda: SHIPPED)
    monkeypatch.setattr("orchestration.nodes.views.version", lambda: SHIPPED)
    monkeypatch.setattr(queries, "MOST_UPGRADING", 2)


def nodes(count: int) -> list[ComputeNode]:
    found = [a_node(f"lille-{number}") for number in range(count)]
    for node in found:
        change(node, agent_version="old")
    return found


def change(node: ComputeNode, **changes: Any) -> None:
    ComputeNode.objects.filter(pk=node.pk).update(**changes)
    node.refresh_from_db()


def offers(found: list[ComputeNode]) -> list[bool]:
    return [upgrades.offer(node) == SHIPPED for node in found]


def test_the_oldest_few_are_offered_it_and_the_next_as_they_have_it() -> None:
    found = nodes(4)
    assert offers(found) == [True, True, False, False]
    change(found[0], agent_version=SHIPPED)
    assert offers(found) == [True, True, True, False]


def test_a_node_that_cannot_be_reached_holds_up_nobody() -> None:
    found = nodes(4)
    change(found[0], state="unreachable")
    change(found[1], state="closed", failures=2)
    assert offers(found) == [False, False, True, True]


def test_nobody_is_offered_what_a_node_has_put_back() -> None:
    found = nodes(3)
    change(found[0], agent_version=SHIPPED)
    change(found[1], agent_refused=SHIPPED)
    # The first has it, and is told that it was heard.
    assert offers(found) == [True, False, False]
    change(found[1], state="retired")
    assert offers(found) == [True, False, True]
    change(found[1], state="ready", agent_refused="another")
    assert offers(found) == [True, True, True]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"agent_version": ""}, ""),
        ({"agent_version": SHIPPED}, "current"),
        ({"agent_version": "old"}, "upgrading"),
        ({"agent_version": "old", "agent_refused": SHIPPED}, "returned"),
        ({"agent_version": "old", "state": "unreachable"}, "waiting"),
    ],
)
def test_the_state_of_an_agent(changes: dict[str, Any], state: str) -> None:
    (node,) = nodes(1)
    change(node, **changes)
    assert queries.agent_states([node], SHIPPED) == [state]


def test_the_page_says_why_an_agent_was_put_back() -> None:
    (node,) = nodes(1)
    change(node, agent_refused=SHIPPED, agent_refusal="it <ended> by itself with 1")
    page = an_operator().get(f"/nodes/{node.reference}").content.decode()
    assert f"<code>{SHIPPED[:12]}</code> back" in page
    assert "it &lt;ended&gt; by itself with 1" in page
    assert "Returned" in an_operator().get("/nodes/").content.decode()


def test_an_agent_that_is_wanted_is_given_once_and_ends_the_conversation() -> None:
    (node,) = nodes(1)
    session = FakeSession(want("agent"), ACCEPTED)
    with pytest.raises(conversation.TakesOver):
        conversation.poll(session, node, fence=3, archive=bytes, agent=SHIPPED)  # type: ignore[arg-type]
    question, given = session.asked
    assert question["agent"] == SHIPPED
    assert given == {
        "fence": 3,
        "op": "agent",
        "version": SHIPPED,
        "zip": "YW4gYWdlbnQ=",
        "seconds": 120,
    }


def test_an_agent_that_was_not_offered_is_not_given() -> None:
    (node,) = nodes(1)
    with pytest.raises(BadAnswer, match="which it should not have"):
        conversation.poll(FakeSession(want("agent")), node, fence=3, archive=bytes)  # type: ignore[arg-type]


def test_a_report_says_what_was_put_back_and_older_agents_nothing() -> None:
    assert parse(a_report(), node="N-1").agent_refused == ""
    said = a_report(agent_refused={"version": SHIPPED, "reason": "it ended\x00"})
    report = parse(said, node="N-1")
    assert (report.agent_refused, report.agent_refusal) == (SHIPPED, "it ended")
