"""Visit nodes: by the clock, and at once when something changed."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from orchestration.convergence import documents, enrolment, services
from orchestration.nodes import queries

BATCH = 500
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_desired(**_: Any) -> None:
    """Recompute the document of every node whose rows say something else than it."""
    visited = queries.visited().values_list("pk", flat=True)
    for pk in documents.stale(list(visited), most=BATCH):
        if documents.recompute(pk, at=now()):
            converge_node.delay(node=pk)


@shared_task(ignore_result=True)
def sweep_nodes(**_: Any) -> None:
    """Hand every node that is due to its own task."""
    for pk in queries.due(now()).values_list("pk", flat=True)[:BATCH]:
        converge_node.delay(node=pk, why="its turn")


@shared_task(ignore_result=True, acks_late=True)
def converge_node(*, node: int, why: str = "something changed", **_: Any) -> None:
    """Make one pass over one node; a second one at the same time does nothing."""
    services.converge(node, clock=now, why=why)


@shared_task(ignore_result=True)
def sweep_enrolments(**_: Any) -> None:
    """Hand every machine whose enrolment stands still to its own task."""
    for pk in queries.to_enrol(now()).values_list("pk", flat=True)[:BATCH]:
        enrol_node.delay(node=pk)


@shared_task(ignore_result=True, acks_late=True)
def enrol_node(*, node: int, **_: Any) -> None:
    """Prepare one machine; repeating it resumes."""
    enrolment.enrol(node, clock=now)
