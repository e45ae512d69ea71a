"""Ask the register of VAT numbers: found by a sweep, each question in its own task."""

from typing import Any

from celery import shared_task

from billing.vat import queries, services
from erp.base.doors import now

BATCH = 100


@shared_task(ignore_result=True)
def sweep_vat_numbers(**_: Any) -> None:
    """Ask about every number that wants an answer, and hand each question to its own task."""
    for buyer in queries.to_ask(now())[:BATCH]:
        services.ask(buyer, at=now())
    for pk in queries.due(now()).values_list("pk", flat=True)[:BATCH]:
        consult_register.delay(check=pk)


@shared_task(ignore_result=True, acks_late=True)
def consult_register(*, check: int, **_: Any) -> None:
    """Ask one question if it still waits; running it twice changes nothing."""
    found = queries.due(now()).filter(pk=check).first()
    if found:
        services.consult(found, at=now())
