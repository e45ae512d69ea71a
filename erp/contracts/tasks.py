"""End what is past its end, and let planned changes take effect."""

from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from erp.contracts import changes, queries, services
from erp.contracts.models import LineChange

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


@shared_task(ignore_result=True)
def sweep_changes(**_: Any) -> None:
    """Hand every planned change whose time has come to its own task."""
    for pk in queries.due_changes(now()).values_list("pk", flat=True)[:BATCH]:
        apply_change.delay(change=pk)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def apply_change(*, change: int, **_: Any) -> None:
    """Let one planned change take effect; running it twice changes nothing."""
    found = LineChange.objects.select_related("line").filter(pk=change).first()
    if found:
        changes.apply(found, at=now(), by="sweep_changes")
