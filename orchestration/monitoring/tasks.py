"""Tell of failures that last and of requests that wait; say when they are over."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.monitoring import queries, services

BATCH = 500
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_incidents(**_: Any) -> None:
    """Open, fill and close the incidents of promises; running it twice changes nothing."""
    at = now()
    failing = queries.overdue(at).values_list("instance", flat=True)[:BATCH]
    _each(services.report_failing, dict.fromkeys(failing), at=at)
    _each(services.resolve_failing, queries.recovered().values_list("pk", flat=True)[:BATCH], at=at)


@shared_task(ignore_result=True)
def sweep_waits(**_: Any) -> None:
    """Tell the provider of requests without a place, and of those that got one."""
    at = now()
    _each(
        services.report_waiting,
        queries.waiting_long(at).values_list("pk", flat=True)[:BATCH],
        at=at,
    )
    _each(
        services.resolve_waiting,
        queries.no_longer_waiting().values_list("pk", flat=True)[:BATCH],
        at=at,
    )


def _each(do: Callable[..., None], keys: Iterable[int], *, at: datetime) -> None:
    """Do it for each; one that cannot be told stops no other."""
    for key in list(keys):
        try:
            do(key, at=at)
        except DomainError as error:
            log.warning("%s %s waits: %s", do.__name__, key, error)
