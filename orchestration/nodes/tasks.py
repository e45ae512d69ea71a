"""Close and open nodes as their facts say."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.nodes import following

BATCH = 500
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_standing(**_: Any) -> None:
    """Bring every node to what its facts say; one that cannot be stops no other."""
    for pk in following.out_of_step(most=BATCH):
        try:
            following.follow(pk, at=now())
        except DomainError as error:
            log.warning("node %s stays as it is: %s", pk, error)
