"""Drive one node: claim it, talk to it, store what it says, and say when it is visited next."""

import logging
import os
import random
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import IntEnum

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.tickets.models import Ticket
from erp.tickets.services import report_cause, resolve_cause
from orchestration.convergence import (
    comparison,
    connections,
    documents,
    intake,
    lease,
    rotation,
    upgrades,
)
from orchestration.convergence.carrier import BadAnswer, NodeUnreachable, Session
from orchestration.convergence.conversation import TakesOver, poll
from orchestration.convergence.models import ConvergencePass
from orchestration.convergence.observed import parse
from orchestration.convergence.plan import plan
from orchestration.convergence.ssh import HostKeyChanged
from orchestration.instances.models import Instance
from orchestration.nodes import callers
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import PATIENCE, VISITED
from orchestration.nodes.states import ANSWERS, SET_ASIDE, VANISHED, Carrier, State
from orchestration.releases.models import SoftwareRelease
from orchestration.windows.queries import excused_now, is_excused

BY = "convergence"
# How long one pass may wait for a busy node before it hands the node back for the next visit.
BUDGET = 20.0
PAUSE = 0.4
IDLE = timedelta(seconds=10)
SOON = timedelta(seconds=1)
FIRST_BACKOFF, LONGEST_BACKOFF = 2.0, 300.0

Clock = Callable[[], datetime]
log = logging.getLogger(__name__)


class Visit(IntEnum):
    """What became of a visit; false when there was none."""

    NONE = 0
    DONE = 1
    # The node has what is desired and is not there yet.
    BUSY = 2


def worker_name() -> str:
    """Return who holds a lease: the machine and the process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def converge(
    node_pk: int,
    *,
    clock: Clock,
    why: str,
    session: Session | None = None,
    stay: float | None = None,
) -> Visit:
    """Make one pass over a node; none when another worker holds it or it is not visited.

    A node that calls us is driven by the door that it called, which has the session; here its
    turn is only made to come at once.

    A failure is kept on the node and in its history, and never raised: it is the node's state.

    Args:
        stay: how many seconds to wait for the node to have applied what is desired; the whole
            budget when it is not said.
    """
    # The document itself is read only when the node asks for it.
    visited = ComputeNode.objects.filter(pk=node_pk, state__in=VISITED).defer("desired_sealed")
    node = visited.first()
    if node and node.carrier == Carrier.HTTPS and session is None:
        hurry(node_pk, at=clock())
        return Visit.DONE
    fence = lease.claim(node_pk, owner=worker_name(), at=clock()) if node else None
    if node is None or fence is None:
        return Visit.NONE
    in_order, is_there = False, True
    try:
        session = session or connections.session_of(node)
        is_there = _pass(
            node, session, fence=fence, clock=clock, why=why, stay=BUDGET if stay is None else stay
        )
        in_order = True
    except lease.LeaseLost:
        connections.drop(node)
    except TakesOver:
        connections.drop(node)
        _seen(node, at=clock(), is_settled=False)
    except DomainError as error:
        connections.drop(node)
        _failed(node, error, fence=fence, at=clock(), why=why)
    finally:
        lease.release(node_pk, fence, in_order=in_order)
    return Visit.DONE if is_there else Visit.BUSY


def hurry(node_pk: int, *, at: datetime) -> None:
    """Make it the turn of a node that calls us: it is due now."""
    later = ComputeNode.objects.filter(pk=node_pk, next_attempt_at__gt=at)
    later.update(next_attempt_at=at)


def _pass(
    node: ComputeNode, session: Session, *, fence: int, clock: Clock, why: str, stay: float
) -> bool:
    """Poll until what is desired is applied or the time is over; return whether it is applied."""
    if node.compare_since:
        comparison.compare(node, session, fence=fence, at=clock())
        if node.compare_since:
            _seen(node, at=clock(), is_settled=True)
            return True
    began, until = clock(), time.monotonic() + stay
    _make_document(node, at=began)
    is_work = node.applied_revision != node.desired_revision
    steps, agent = _steps(node) if is_work else [], node.agent_version
    while True:
        offer = upgrades.offer(node)
        raw = poll(session, node, fence=fence, archive=_archive, agent=offer)
        if raw is not None:
            intake.take(node, parse(raw, node=node.reference), fence=fence, at=clock())
        if _make_document(node, at=clock()):
            continue
        if node.applied_revision == node.desired_revision or time.monotonic() > until:
            break
        time.sleep(PAUSE)
    if is_work:
        _remember(node, steps, fence=fence, began=began, at=clock(), why=why)
    if callers.is_to_renew(node, at=clock()):
        _renew(node, session, fence=fence, at=clock())
    if rotation.is_due(node):
        _rotate(node, session, fence=fence, at=clock())
    # A new agent is on trial until it is asked again.
    _seen(node, at=clock(), is_settled=node.agent_version == agent)
    return node.applied_revision == node.desired_revision


def _rotate(node: ComputeNode, session: Session, *, fence: int, at: datetime) -> None:
    """Go on with a change of the node's key; what stands in its way is no failure of the node."""
    try:
        rotation.advance(node, session, fence=fence, at=at)
    except DomainError as error:
        log.warning("the key of node %s is not changed yet: %s", node.pk, error)


def _renew(node: ComputeNode, session: Session, *, fence: int, at: datetime) -> None:
    """Have the node make a new key, and give it the certificate; its clock has no say in this."""
    answer = session.ask({"op": "renew", "fence": fence})
    request = answer.get("request")
    if answer["op"] != "request" or not isinstance(request, str):
        raise BadAnswer("The agent was asked for a certificate request and gave none.")
    certificate = callers.renew(node, request, at=at)
    session.ask({"op": "certificate", "fence": fence, "certificate": certificate})


def _make_document(node: ComputeNode, *, at: datetime) -> bool:
    """Bring the node's document up to date when its rows changed; return whether it changed."""
    if not documents.stale([node.pk], most=1):
        return False
    is_new = documents.recompute(node.pk, at=at)
    node.refresh_from_db()
    return is_new


def _steps(node: ComputeNode) -> list[str]:
    """Return what this pass would change, in words."""
    document = stored(node)
    return [str(step) for step in plan(document, _observed(node))] if document else []


def _observed(node: ComputeNode) -> list[dict[str, object]]:
    """Return what is known of the node's partitions, as `plan` reads it."""
    held = Instance.objects.filter(partition__node=node).exclude(observed_generation=0)
    rows = held.values_list("partition__name", "reference", "observed_generation", "state")
    return [
        {"name": name, "instance": reference, "generation": generation, "state": state}
        for name, reference, generation, state in rows
    ]


def _archive(uid: str) -> bytes:
    return bytes(SoftwareRelease.objects.only("archive").get(uid=uid).archive)


def _remember(
    node: ComputeNode, steps: list[str], *, fence: int, began: datetime, at: datetime, why: str
) -> None:
    """Keep what was planned and what became of it; visits to a busy node are one pass."""
    is_there = node.applied_revision == node.desired_revision
    outcome = "done" if is_there else "converging"
    begun = ConvergencePass.objects.filter(
        node=node, revision=node.desired_revision, outcome="converging"
    )
    if begun.update(outcome=outcome, fence=fence, ended_at=at) or not steps:
        return
    ConvergencePass.objects.create(
        organisation_id=node.organisation_id,
        node=node,
        fence=fence,
        why=why,
        revision=node.desired_revision,
        plan=steps,
        outcome=outcome,
        started_at=began,
        ended_at=at,
    )


@transaction.atomic
def _seen(node: ComputeNode, *, at: datetime, is_settled: bool) -> None:
    """The node answered: the next visit is by the clock, or soon while it is busy."""
    is_there = is_settled and node.applied_revision == node.desired_revision
    was_away = bool(node.failures) or node.state == State.UNREACHABLE
    ComputeNode.objects.filter(pk=node.pk).update(
        last_seen_at=at,
        last_error="",
        failures=0,
        clock_offset_ms=node.clock_offset_ms,
        next_attempt_at=at + (IDLE if is_there else SOON),
    )
    if node.state == State.UNREACHABLE:
        move(node, State.READY, at=at, by=BY, why="it answers again")
    if was_away and node.state in SET_ASIDE:
        record(node, ANSWERS, at=at, by=BY)
    if was_away:
        resolve_cause(_cause(node), body=f"{node.name} answers again.", at=at, by=BY)


@transaction.atomic
def _failed(node: ComputeNode, error: DomainError, *, fence: int, at: datetime, why: str) -> None:
    """Keep the reason; back off with jitter; after some patience the node is unreachable."""
    failures = node.failures + 1
    pause = min(FIRST_BACKOFF * 2 ** min(failures - 1, 10), LONGEST_BACKOFF)
    if node.carrier == Carrier.HTTPS and isinstance(error, NodeUnreachable):
        pause = 0.0  # It shows that it is back by calling: nothing is tried in vain.
    again = at + timedelta(seconds=pause * random.uniform(0.8, 1.2))  # noqa: S311  (jitter)
    ComputeNode.objects.filter(pk=node.pk).update(
        failures=failures, last_error=str(error), next_attempt_at=again
    )
    ConvergencePass.objects.create(
        organisation_id=node.organisation_id,
        node=node,
        fence=fence,
        why=why,
        revision=node.desired_revision,
        outcome=error.code,
        log=str(error),
        started_at=at,
        ended_at=at,
    )
    is_over = failures >= PATIENCE or isinstance(error, HostKeyChanged)
    is_news = is_over and node.state == State.READY
    if node.state in SET_ASIDE:
        # It stays closed for its reason; that it vanished is told at the same moment.
        is_news = failures == (1 if isinstance(error, HostKeyChanged) else PATIENCE)
    if is_news:
        give_up(node, why=str(error), at=at)


@transaction.atomic
def give_up(node: ComputeNode, *, why: str, at: datetime) -> None:
    """Say that a node cannot be reached: one incident, closed by its next answer.

    While somebody may be working on it, that is no incident; `tell_lost` comes back to it.
    """
    if node.state == State.READY:
        move(node, State.UNREACHABLE, at=at, by=BY, why=why)
    else:
        record(node, VANISHED, at=at, by=BY, why=why)
    if not is_excused(node, at):
        _tell_lost(node, why=why, at=at)


def untold(at: datetime) -> QuerySet[ComputeNode]:
    """Return the nodes that are away longer than their window, of which nobody was told."""
    is_aside = Q(state__in=SET_ASIDE, failures__gte=PATIENCE)
    told = Ticket.objects.filter(
        cause=Concat(Value("node:"), OuterRef("reference"), Value(":unreachable")),
        created_at__gt=OuterRef("last_seen_at"),
    )
    away = ComputeNode.objects.filter(
        Q(state=State.UNREACHABLE) | is_aside,
        ~Exists(told),
        ~excused_now(at, node="pk", region="region", contract=""),
        last_seen_at__isnull=False,
    )
    return away.order_by("pk")


@transaction.atomic
def tell_lost(node_pk: int, *, at: datetime) -> None:
    """Open the incident of a node that did not come back from its window; once."""
    ComputeNode.objects.select_for_update().only("pk").get(pk=node_pk)
    node = untold(at).select_related("organisation").filter(pk=node_pk).first()
    if node:
        why = f"Its maintenance window is over and it does not answer. {node.last_error}".strip()
        _tell_lost(node, why=why, at=at)


def _tell_lost(node: ComputeNode, *, why: str, at: datetime) -> None:
    report_cause(
        _cause(node),
        organisation=node.organisation,
        subject=f"Node {node.name} cannot be reached",
        body=why,
        at=at,
        by=BY,
    )


def _cause(node: ComputeNode) -> str:
    return f"node:{node.reference}:unreachable"
