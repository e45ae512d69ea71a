"""The Master gives a node what it should have, once, and ends a conversation that leads nowhere."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from orchestration.convergence.carrier import read_answer
from orchestration.convergence.conversation import offset_ms, poll
from orchestration.convergence.ssh import BadAnswer, NodeUnreachable, Session
from orchestration.nodes.document import sealed
from orchestration.nodes.models import ComputeNode

DESIRED = {"revision": "rev", "releases": [{"uid": "r1"}], "partitions": []}
REPORT = {"op": "report", "report": {"format": "tenantry.report/1"}}
SAME = {"op": "same", "revision": "rev", "position": 0}
ACCEPTED = {"op": "accepted"}


def want(*wishes: Any) -> dict[str, Any]:
    return {"op": "want", "want": list(wishes)}


class FakeSession:
    """Answers what the test says, in order, and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[Mapping[str, Any]] = []

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(message)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def talk(*answers: dict[str, Any]) -> tuple[Mapping[str, Any] | None, list[Mapping[str, Any]]]:
    node = ComputeNode(
        desired_revision="rev",
        report_hash="seen",
        spool_epoch="e",
        spool_position=7,
    )
    node.desired_sealed = sealed(node, DESIRED)
    session = FakeSession(*answers)
    found = poll(session, node, fence=3, archive=lambda uid: uid.encode())
    return found, session.asked


def test_nothing_new_is_one_line_each_way() -> None:
    found, asked = talk(SAME)
    assert found is None
    assert asked == [
        {
            "now": asked[0]["now"],
            "op": "poll",
            "fence": 3,
            "revision": "rev",
            "seen": "seen",
            "acked": {"epoch": "e", "seq": 7},
            "agent": "",
        }
    ]


def test_a_node_is_given_the_document_and_its_releases() -> None:
    found, asked = talk(want("desired"), ACCEPTED, want("release:r1"), ACCEPTED, REPORT)
    assert found == REPORT["report"]
    assert [one["op"] for one in asked] == ["poll", "desired", "poll", "release", "poll"]
    assert {one["fence"] for one in asked} == {3}
    assert asked[1]["document"] == DESIRED
    assert base64.b64decode(asked[3]["archive"]) == b"r1"


def test_who_takes_too_long_over_what_it_is_given_gets_the_rest_another_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.convergence.conversation.GIVING_SECONDS", -1)
    with pytest.raises(NodeUnreachable, match="too long over what it is given"):
        talk(want("desired"), ACCEPTED)


@pytest.mark.parametrize("line", [b"", b"[]", b'"op"', b"{}", b'{"op": ["same"]}', b'{"op": null}'])
def test_what_is_no_answer_is_refused(line: bytes) -> None:
    with pytest.raises(BadAnswer, match="cannot be read"):
        read_answer(line)


@pytest.mark.parametrize("text", [b"x", b"xy", b" "])
def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(text: bytes) -> None:
    class Drip:
        """Sends something, again and again, and never the end of the line."""

        def settimeout(self, _: float) -> None:
            pass

        def recv(self, _: int) -> bytes:
            return text

    channel: Any = Drip()
    with pytest.raises(NodeUnreachable, match="does not come to its end"):
        Session(channel).hear(seconds=20, most=0.05)


@pytest.mark.parametrize("wish", ["release:r2", "release:", "secrets", "desired:other", ""])
def test_what_a_node_should_not_have_is_refused(wish: str) -> None:
    with pytest.raises(BadAnswer, match="which it should not have"):
        talk(want(wish))


@pytest.mark.parametrize("wishes", [None, "desired", {"a": 1}, ["desired"] * 61])
def test_wishes_that_cannot_be_read_are_refused(wishes: Any) -> None:
    with pytest.raises(BadAnswer, match="cannot be read"):
        talk({"op": "want", "want": wishes})


def test_a_node_that_goes_on_wanting_is_broken() -> None:
    with pytest.raises(BadAnswer, match="goes on wanting"):
        talk(want("desired"))


@pytest.mark.parametrize(
    "answer", [{"op": "dance"}, {"op": "report"}, {"op": "report", "report": 1}]
)
def test_another_answer_is_no_report(answer: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="to a poll"):
        talk(answer)


@pytest.mark.parametrize(
    ("at", "offset"),
    [
        (1000.5, 0),
        (1000.0, 0),
        (1001.0, 0),
        (1003.5, 2500),
        (940, -60_000),
        (None, None),
        (True, None),
        ("1000", None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
    ],
)
def test_a_nodes_clock_is_wrong_by_no_more_than_its_answer_proves(
    at: object, offset: int | None
) -> None:
    assert offset_ms({"op": "same", "at": at}, began=1000.0, ended=1001.0) == offset
    assert offset_ms({"op": "same"}, began=1000.0, ended=1001.0) is None
