"""What is said to a node's agent until it has what it should: poll, want, and what is given."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestration.convergence import upgrades
from orchestration.convergence.carrier import BadAnswer, NodeUnreachable, Session
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode

# A node asks for the document and for each release once; more than this is a broken agent.
MOST_WISHES = 60
MOST_ROUNDS = 4
# To give a node all it wants; the rest waits for the next pass, and its lease for nobody.
GIVING_SECONDS = 60.0
# The year 5138: what is later is no clock.
LATEST = 1e11


class TakesOver(Exception):
    """The node was given another agent: it answers again in a moment, on a new session."""


def poll(
    session: Session,
    node: ComputeNode,
    *,
    fence: int,
    archive: Callable[[str], bytes],
    agent: str = "",
) -> Mapping[str, Any] | None:
    """Ask the node once, giving it all it wants; return its report, or None for "the same".

    How far its clock is from ours is kept on `node`, for who stores that it was seen.

    Args:
        agent: the version of the agent that the node may change to, or confirms; "" for none.

    Raises:
        TakesOver: the node changes its agent now.
        NodeUnreachable, BadAnswer, AgentRefused: see `ssh`.
    """
    until = time.monotonic() + GIVING_SECONDS
    for _ in range(MOST_ROUNDS):
        began = time.time()
        answer = session.ask(asked(node, fence=fence, agent=agent))
        if answer["op"] != "want":
            node.clock_offset_ms = offset_ms(answer, began=began, ended=time.time())
            return _report(answer)
        if agent and answer.get("want") == ["agent"]:
            session.ask({"fence": fence} | upgrades.gift())
            raise TakesOver
        for wish in _wishes(answer):
            if time.monotonic() > until:
                raise NodeUnreachable("The node takes too long over what it is given.")
            session.ask({"fence": fence} | _gift(wish, node, archive))
    raise BadAnswer("The agent goes on wanting what it was given.")


def asked(node: ComputeNode, *, fence: int, agent: str) -> dict[str, Any]:
    """Return the question of a poll."""
    return {
        "op": "poll",
        "fence": fence,
        "revision": node.desired_revision,
        "seen": node.report_hash,
        "acked": {"epoch": node.spool_epoch, "seq": node.spool_position},
        "agent": agent,
        # The node's clock follows this one, so it is read when the line goes out.
        "now": time.time(),
    }


def offset_ms(answer: Mapping[str, Any], *, began: float, ended: float) -> int | None:
    """Return by how much the node's clock is ahead of ours, at least; None where it says no time.

    It spoke somewhere between the two times: no more is said than that proves.
    """
    at = answer.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < LATEST:
        return None
    least, most = at - ended, at - began
    return int(1000 * (least if least > 0 else min(most, 0.0)))


def _wishes(answer: Mapping[str, Any]) -> Iterator[str]:
    if answer["op"] == "want":
        wishes = answer.get("want")
        if not isinstance(wishes, list) or len(wishes) > MOST_WISHES:
            raise BadAnswer("The agent wants something that cannot be read.")
        yield from (str(wish) for wish in wishes)


def _gift(wish: str, node: ComputeNode, archive: Callable[[str], bytes]) -> dict[str, Any]:
    if wish == "desired":
        return {"op": "desired", "document": stored(node)}
    kind, _, uid = wish.partition(":")
    if kind != "release" or uid not in _releases_of(node):
        raise BadAnswer(f"The agent wants {wish[:80]!r}, which it should not have.")
    return {"op": "release", "uid": uid, "archive": base64.b64encode(archive(uid)).decode()}


def _releases_of(node: ComputeNode) -> set[str]:
    document = stored(node)
    return {release["uid"] for release in document["releases"]} if document else set()


def _report(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if answer["op"] == "same":
        return None
    if answer["op"] == "report" and isinstance(answer.get("report"), dict):
        return dict(answer["report"])
    raise BadAnswer(f"The agent answered {answer['op']!r:.40} to a poll.")
