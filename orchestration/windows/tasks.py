"""Write down the times that come, and tell those concerned."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.windows import queries, services

log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_windows(**_: Any) -> None:
    """Plan the times of every window and announce those that are near; repeating is harmless."""
    at = now()
    for window in queries.in_force(at)[: queries.SWEPT]:
        services.come(window, at=at)
    for pk in list(queries.to_announce(at).values_list("pk", flat=True)[: queries.SWEPT]):
        try:
            services.announce(pk, at=at)
        except DomainError as error:
            log.warning("window %s is not announced: %s", pk, error)
