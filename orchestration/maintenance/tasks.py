"""Go on with work on nodes, and make the recurring checks."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.maintenance import checks, queries, services

BATCH = 200
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_works(**_: Any) -> None:
    """Take the step of each work that is due; one that cannot be taken stops no other."""
    for pk in list(queries.open_works().values_list("pk", flat=True)[:BATCH]):
        try:
            services.advance(pk, at=now())
        except DomainError as error:
            log.warning("work %s waits: %s", pk, error)


@shared_task(ignore_result=True)
def sweep_checks(**_: Any) -> None:
    """Look at the nodes that were not looked at for an hour; twice is once."""
    for pk in list(queries.nodes_due(now()).values_list("pk", flat=True)[:BATCH]):
        try:
            checks.look_at_node(pk, at=now())
        except DomainError as error:
            log.warning("the checks of node %s wait: %s", pk, error)
    checks.forget_old(at=now(), most=BATCH * 50)
