"""Drive the campaigns."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.campaigns import queries, waves

BATCH = 50
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_campaigns(**_: Any) -> None:
    """Take the steps that are due in every campaign; one that cannot stops no other."""
    for pk in list(queries.running().values_list("pk", flat=True)[:BATCH]):
        try:
            waves.advance(pk, at=now())
        except DomainError as error:
            log.warning("campaign %s waits: %s", pk, error)
