"""End what is past its end."""

from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from erp.contracts import queries, services

BATCH = 500


@shared_task(ignore_result=True)
def sweep_expired(**_: Any) -> None:
    """Hand every contract past its end to its own task."""
    for pk in queries.expired(now()).values_list("pk", flat=True)[:BATCH]:
        end_expired.delay(contract=pk)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def end_expired(*, contract: int, **_: Any) -> None:
    """End one contract if still due; running it twice changes nothing."""
    found = queries.expired(now()).filter(pk=contract).first()
    if found:
        services.end(found, at=now(), by="sweep_expired", why="past its end")
