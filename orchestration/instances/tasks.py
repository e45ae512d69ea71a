"""Follow the contracts: a sweep, and the same for one contract that changed."""

import logging
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from erp.contracts.models import Contract
from orchestration.instances import queries, services

BATCH = 500
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_contracts(**_: Any) -> None:
    """Bring every contract that is out of step in step; one that cannot be stops no other."""
    for contract in queries.out_of_step(now()).order_by("pk")[:BATCH]:
        try:
            services.follow_contract(contract, at=now())
        except DomainError as error:
            log.warning("contract %s waits: %s", contract.reference, error)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def follow_contract(*, contract: int, **_: Any) -> None:
    """Bring one contract in step; running it twice changes nothing."""
    found = Contract.objects.filter(pk=contract).first()
    if found:
        services.follow_contract(found, at=now())


@shared_task(ignore_result=True)
def sweep_inputs(**_: Any) -> None:
    """Give every instance what its children publish now."""
    for pk in queries.behind_children().values_list("pk", flat=True)[:BATCH]:
        services.take_inputs(pk, at=now())


@shared_task(ignore_result=True, acks_late=True)
def take_inputs(*, instance: int, **_: Any) -> None:
    """Give one instance what its children publish; running it twice changes nothing."""
    services.take_inputs(instance, at=now())
