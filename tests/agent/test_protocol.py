"""The agent follows what it can read and what is for it; it refuses the rest with a code."""

# mypy: disable-error-code="no-untyped-call"

import json
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import protocol, spool
from orchestration.node_agent.node import Node
from tests.agent.home import a_document, a_home, an_archive


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    return Node(a_home(tmp_path), "version")


def ask(node: Node, message: Any) -> dict[str, Any]:
    line = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer: dict[str, Any] = json.loads(protocol.answer(node, line))
    return answer


def poll(**changes: Any) -> dict[str, Any]:
    acked = {"epoch": "", "seq": 0}
    return {"op": "poll", "fence": 1, "revision": "", "seen": "", "acked": acked} | changes


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "bad_line"),
        (b"{", "bad_line"),
        (b"[1]", "bad_line"),
        (b'{"op": "poll"}', "bad_line"),
        (b'{"op": "poll", "fence": "x"}', "bad_line"),
        (b"[" * 100_000, "bad_line"),
        (b'{"op": "dance", "fence": 1}', "unknown_op"),
        (b'{"op": "poll", "fence": 1}', "bad_message"),
        (b'{"op": "release", "fence": 1, "uid": "r", "archive": "!"}', "bad_message"),
    ],
)
def test_a_line_that_cannot_be_followed_is_refused(node: Node, line: bytes, code: str) -> None:
    assert ask(node, line)["code"] == code


def test_a_line_that_is_too_long_is_not_read(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST_LINE", 50)
    assert ask(node, json.dumps(poll()).encode())["code"] == "too_long"


def test_an_older_worker_is_refused_even_after_a_restart(node: Node) -> None:
    assert ask(node, poll(fence=7))["op"] == "report"
    assert ask(node, poll(fence=6))["code"] == "stale_fence"
    assert ask(Node(node.home, "version"), poll(fence=6))["code"] == "stale_fence"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"node": "N-2"}, "wrong_node"),
        ({"format": "tenantry.desired/9"}, "unknown_format"),
        ({"partitions": [{"name": "p0"}]}, "bad_message"),
    ],
)
def test_a_document_that_is_not_for_this_agent_is_refused(
    node: Node, change: dict[str, Any], code: str
) -> None:
    question = {"op": "desired", "fence": 1, "document": a_document(**change)}
    assert ask(node, question)["code"] == code
    assert node.desired is None


def test_a_document_is_kept_and_known_again_after_a_restart(node: Node) -> None:
    assert ask(node, poll(revision="rev-1")) == {"op": "want", "want": ["desired"]}
    assert ask(node, {"op": "desired", "fence": 1, "document": a_document()})["op"] == "accepted"
    report = ask(Node(node.home, "version"), poll(revision="rev-1"))["report"]
    assert (report["revision"], report["revision_applied"]) == ("rev-1", "")


def test_a_release_is_asked_for_until_it_is_there(node: Node) -> None:
    uid, archive = an_archive({"a": "b"})
    document = a_document(releases=[{"uid": uid, "name": "a", "version": "1", "profile": {}}])
    wish = {"op": "want", "want": [f"release:{uid}"]}
    assert ask(node, {"op": "desired", "fence": 1, "document": document}) == wish
    assert ask(node, poll(revision="rev-1")) == wish
    given = {"op": "release", "fence": 1, "uid": uid, "archive": archive}
    assert ask(node, given) == {"op": "accepted"}
    other = {"op": "release", "fence": 1, "uid": "0" * 64, "archive": archive}
    assert ask(node, other)["code"] == "bad_message"


def test_what_was_seen_already_is_said_in_one_line(node: Node) -> None:
    report = ask(node, poll())["report"]
    began = time.time()
    answer = ask(node, poll(seen=report["state_hash"]))
    assert began <= answer.pop("at") <= time.time()
    assert answer == {"op": "same", "revision": "", "position": 0}


def test_samples_come_until_they_are_acknowledged(node: Node) -> None:
    node.spool.append([{"value": "1"}, {"value": "2"}])
    report = ask(node, poll())["report"]
    assert [sample["seq"] for sample in report["samples"]] == [1, 2]
    acked = {"epoch": report["epoch"], "seq": 2}
    assert ask(node, poll(seen=report["state_hash"], acked=acked))["op"] == "same"


def test_samples_that_had_to_be_given_up_are_an_event(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MOST", 1)
    monkeypatch.setattr(node.meters, "harvest", lambda interval: [{"value": "1"}, {"value": "2"}])
    node.measure()
    (event,) = node.report()["events"]
    assert (event["kind"], event["message"].split(":")[0]) == (
        "samples_lost",
        "1 samples were given up",
    )


@pytest.mark.parametrize(
    ("waiting", "seconds"), [(5000, 10), (5001, 60), (20_001, 300), (100_001, 1800)]
)
def test_samples_become_longer_while_nobody_fetches_them(
    node: Node, monkeypatch: pytest.MonkeyPatch, waiting: int, seconds: int
) -> None:
    """A hundred instances with three meters, away for a week, fit into the spool."""
    asked: list[int] = []

    def harvest(interval: int) -> list[Any]:
        asked.append(interval)
        return []

    monkeypatch.setattr(node.meters, "harvest", harvest)
    node.desired = a_document()
    node.spool.waiting = [None] * waiting
    node.measure()
    assert asked == [seconds]
    assert spool.MOST > 100_000 + 7 * 86_400 / 1800 * 300 * 0.99
