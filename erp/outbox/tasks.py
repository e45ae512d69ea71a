"""Let messages leave: soon by a nudge, surely by a sweep; each may run twice or at once."""

from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.outbox import queries, smtp, webhooks

BATCH = 200


@shared_task(ignore_result=True)
def sweep_mails(**_: Any) -> None:
    """Send the mails that are due, over one connection."""
    smtp.send_batch(now)


@shared_task(ignore_result=True)
def sweep_deliveries(**_: Any) -> None:
    """Hand every endpoint to which something is due to its own task."""
    for pk in queries.endpoints_due(now()).values_list("pk", flat=True)[:BATCH]:
        deliver.delay(endpoint=pk)


@shared_task(ignore_result=True)
def deliver(*, endpoint: int, **_: Any) -> None:
    """Deliver what is due to one endpoint."""
    webhooks.deliver(endpoint, now)


@shared_task(ignore_result=True)
def sweep_old_deliveries(**_: Any) -> None:
    """Forget deliveries that ended long ago."""
    webhooks.prune(at=now())
