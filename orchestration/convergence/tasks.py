"""Visit nodes: by the clock, and at once when something changed.

A node's tasks go to its lane, a queue that one worker process serves: its session is open there.
"""

import itertools
import logging
from collections.abc import Sequence
from typing import Any

from celery import Task, shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.convergence import calls, documents, enrolment, rounds, services, sharing
from orchestration.convergence.lanes import queue_of
from orchestration.nodes import queries

BATCH = 500
# What one sweep hands on to rounds; a round is as long as its slowest node.
MOST_DUE, ROUND = 5_000, 50
ITS_TURN = "its turn"
# How many seconds a worker's process stays with a node that something changed for.
STAY = 1.0
# A busy node is asked again this often, after pauses that grow, for half a minute; sweeps go on.
MOST_TIMES, FIRST_PAUSE, GROWS = 12, 0.4, 1.3
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_desired(**_: Any) -> None:
    """Recompute the document of every node whose rows say something else than it.

    One that cannot be made stops no other.
    """
    visited = queries.visited().values_list("pk", flat=True)
    for pk in documents.stale(list(visited), most=BATCH):
        try:
            if documents.recompute(pk, at=now()):
                converge_node.delay(node=pk)
        except DomainError as error:
            log.warning("the document of node %s waits: %s", pk, error)
    for pk in sharing.gone(most=BATCH):
        sharing.settle(pk, at=now())


@shared_task(ignore_result=True)
def sweep_nodes(**_: Any) -> None:
    """Hand every node that is due to a round of its lane, once until it is due again."""
    due = sorted(rounds.hand_out(most=MOST_DUE, at=now()), key=queue_of)
    for _queue, group in itertools.groupby(due, key=queue_of):
        lane = list(group)
        for start in range(0, len(lane), ROUND):
            visit_nodes.delay(nodes=lane[start : start + ROUND])


@shared_task(ignore_result=True, acks_late=True)
def visit_nodes(*, nodes: Sequence[int], **_: Any) -> None:
    """Ask many nodes at once; those with something to say or to do get passes of their own."""
    for pk in rounds.visit(nodes, clock=now):
        converge_node.delay(node=pk, why=ITS_TURN)


@shared_task(bind=True, ignore_result=True, acks_late=True)
def converge_node(
    self: "Task[Any, None]",
    /,
    *,
    node: int,
    why: str = "something changed",
    times: int = 0,
    **_: Any,
) -> None:
    """Make one pass over one node; a second one at the same time does nothing.

    Nobody waits long for a busy node: it is asked again in a moment, while others have their turns.
    """
    is_news = times == 0 and why != ITS_TURN
    visit = services.converge(node, clock=now, why=why, stay=STAY if is_news else 0.0)
    if visit == services.Visit.BUSY and why != ITS_TURN and times < MOST_TIMES:
        lane = (self.request.delivery_info or {}).get("routing_key") or queue_of(node)
        self.apply_async(
            kwargs={"node": node, "why": why, "times": times + 1},
            countdown=FIRST_PAUSE * GROWS**times,
            queue=lane,
        )


@shared_task(ignore_result=True)
def sweep_silent(**_: Any) -> None:
    """Say of nodes that should have called that they cannot be reached, and of a closed door.

    Also of those that are away for longer than the window in which somebody worked on them.
    """
    calls.watch_door(at=now())
    for pk in queries.silent(now()).values_list("pk", flat=True)[:BATCH]:
        calls.miss(pk, clock=now)
    for pk in services.untold(now()).values_list("pk", flat=True)[:BATCH]:
        services.tell_lost(pk, at=now())


@shared_task(ignore_result=True)
def sweep_enrolments(**_: Any) -> None:
    """Hand every machine whose enrolment stands still to its own task."""
    for pk in queries.to_enrol(now()).values_list("pk", flat=True)[:BATCH]:
        enrol_node.delay(node=pk)


@shared_task(ignore_result=True, acks_late=True)
def enrol_node(*, node: int, **_: Any) -> None:
    """Prepare one machine; repeating it resumes."""
    enrolment.enrol(node, clock=now)
