"""Visit many nodes at once: those with nothing new to say cost two statements all together.

Most visits find nothing. They need a question and the answer "the same", not a pass; who answers
anything else, or has no open session in this process, gets a pass of its own. Nodes that call us
are in no round: it is the node door that has their sessions.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from erp.base.errors import DomainError
from orchestration.convergence import connections, documents, intake, lease
from orchestration.convergence.conversation import asked, offset_ms
from orchestration.convergence.observed import parse
from orchestration.convergence.services import IDLE, Clock, worker_name
from orchestration.convergence.ssh import BadAnswer, Session
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED, due, upgrading
from orchestration.nodes.states import Carrier, State

# How long a round waits for its slowest node; who was not heard by then gets a pass of its own.
ROUND_SECONDS = 3.0
# Who was handed to a round that never came is due again after this.
HANDED_ON = timedelta(seconds=30)
_NEEDED = (
    "id", "organisation_id", "reference", "name", "host", "port", "host_key", "public_key",
    "agent_version", "desired_revision", "applied_revision", "report_hash", "spool_epoch",
    "spool_position",
)  # fmt: skip

# Only nodes that have what they should, as far as the rows say: the others need more than a word.
_CLAIM = f"""
WITH quiet AS (
    SELECT lease.id FROM orchestration_nodelease lease
    JOIN orchestration_computenode node ON node.id = lease.node_id
    WHERE node.id = ANY(%(nodes)s) AND (lease.until IS NULL OR lease.until <= %(at)s)
      AND node.compare_since IS NULL
      AND node.carrier = %(carrier)s AND node.state = ANY(%(states)s) AND node.failures = 0
      AND node.applied_revision <> '' AND node.applied_revision = node.desired_revision
      AND {documents.IS_CURRENT}
    ORDER BY lease.id FOR UPDATE OF lease SKIP LOCKED
)
UPDATE orchestration_nodelease lease
SET owner = %(owner)s, until = %(until)s, fence = {lease.RISEN}
FROM quiet, orchestration_computenode node
WHERE lease.id = quiet.id AND node.id = lease.node_id
RETURNING {", ".join(f"node.{name}" for name in _NEEDED)}, lease.fence AS fence
"""  # noqa: S608  (constants of our own)

_FINISH = """
WITH mine AS (
    SELECT * FROM unnest(%(nodes)s::bigint[], %(fences)s::bigint[], %(offsets)s::bigint[])
    AS one(node, fence, clock_offset)),
given_back AS (
    UPDATE orchestration_nodelease lease SET until = NULL FROM mine
    WHERE lease.node_id = mine.node AND lease.fence = mine.fence AND lease.until IS NOT NULL
    RETURNING lease.node_id, mine.clock_offset)
UPDATE orchestration_computenode node
SET last_seen_at = %(at)s, last_error = '', next_attempt_at = %(next)s,
    clock_offset_ms = given_back.clock_offset
FROM given_back WHERE node.id = given_back.node_id
"""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A node that was asked, under a fence, on a session that stands."""

    node: ComputeNode
    fence: int
    session: Session
    began: float


@transaction.atomic
def hand_out(*, most: int, at: datetime) -> list[int]:
    """Return the nodes that are due, each once: two sweeps, or a long queue, visit none twice."""
    found = due(at).select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
    nodes = list(found[:most])
    ComputeNode.objects.filter(pk__in=nodes).update(next_attempt_at=at + HANDED_ON)
    return nodes


def visit(nodes: Sequence[int], *, clock: Clock) -> list[int]:
    """Ask the nodes whether anything is new; return those that need a pass of their own."""
    known = [pk for pk in nodes if connections.is_known(pk)]
    said = [one for node in _claimed(known, clock) if (one := _said(node))]
    until = time.monotonic() + ROUND_SECONDS
    quiet = [one for one in said if _is_quiet(one, until=until, clock=clock)]
    _finish(quiet, clock)
    done = {one.node.pk for one in quiet}
    return [pk for pk in nodes if pk not in done]


def _claimed(nodes: Sequence[int], clock: Clock) -> list[ComputeNode]:
    """Claim those of the nodes that nobody holds and that should have nothing to do."""
    if not nodes:
        return []
    at = clock()
    facts = {
        "nodes": list(nodes),
        "at": at,
        "until": at + lease.LENGTH,
        "owner": worker_name(),
        "carrier": str(Carrier.SSH),
        "states": [str(state) for state in set(VISITED) - {State.UNREACHABLE}],
        "form": documents.FORM,
    }
    return list(ComputeNode.objects.raw(_CLAIM, facts))


def _said(node: ComputeNode) -> _Asked | None:
    """Ask a node without waiting for its answer; None gives it back."""
    fence: int = node.fence  # type: ignore[attr-defined]
    session = connections.kept(node)
    shipped = version()
    is_there = node.agent_version == shipped
    try:
        if session and (is_there or not upgrading(shipped).filter(pk=node.pk).exists()):
            began = time.time()
            session.say(asked(node, fence=fence, agent=shipped if is_there else ""))
            return _Asked(node, fence, session, began)
    except DomainError:
        connections.drop(node)
    lease.release(node.pk, fence)
    return None


def _is_quiet(one: _Asked, *, until: float, clock: Clock) -> bool:
    """Hear a node; store samples where there is nothing else, and give back who says more."""
    try:
        seconds = max(until - time.monotonic(), 0.01)
        answer = one.session.hear(seconds=seconds, most=seconds)
        one.node.clock_offset_ms = offset_ms(answer, began=one.began, ended=time.time())
        is_quiet = _is_the_same(one, answer, clock)
    except DomainError:
        # Its own pass finds the same, and keeps it where it is seen.
        connections.drop(one.node)
        lease.release(one.node.pk, one.fence)
        return False
    if not is_quiet:
        lease.release(one.node.pk, one.fence, in_order=True)
    return is_quiet


def _is_the_same(one: _Asked, answer: Mapping[str, Any], clock: Clock) -> bool:
    if answer["op"] == "same":
        return True
    report = answer.get("report")
    if answer["op"] != "report" or not isinstance(report, dict):
        return False
    if report.get("state_hash") != one.node.report_hash:
        return False
    found = parse(report, node=one.node.reference)
    if found.applied != one.node.applied_revision:
        raise BadAnswer("The agent says the same, and something else.")
    intake.take(one.node, found, fence=one.fence, at=clock())
    return True


def _finish(quiet: Sequence[_Asked], clock: Clock) -> None:
    """Give the nodes back and say when they are visited next: one statement."""
    if quiet:
        at = clock()
        facts: dict[str, Any] = {
            "nodes": [one.node.pk for one in quiet],
            "fences": [one.fence for one in quiet],
            "offsets": [one.node.clock_offset_ms for one in quiet],
            "at": at,
            "next": at + IDLE,
        }
        with connection.cursor() as cursor:
            cursor.execute(_FINISH, facts)
