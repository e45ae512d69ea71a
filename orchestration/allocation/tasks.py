"""Place what waits: a sweep, and the same for one instance that was just requested."""

import logging
from typing import Any

from celery import shared_task
from django.db.models import F

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.allocation import services
from orchestration.instances import queries

BATCH = 200
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_waiting(**_: Any) -> None:
    """Try waiting instances, the oldest first; one that cannot be understood stops no other.

    Where more wait than one sweep takes, those go first of which was longest not said why.
    """
    for pk in queries.without_host().values_list("pk", flat=True)[:BATCH]:
        services.release_from_host(pk, at=now())
    turn = queries.waiting().order_by(F("reasoned_at").asc(nulls_first=True), "pk")
    for pk in sorted(turn.values_list("pk", flat=True)[:BATCH]):
        try:
            services.place(pk, at=now())
        except DomainError as error:
            log.warning("instance %s waits: %s", pk, error)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def place_instance(*, instance: int, **_: Any) -> None:
    """Place one instance; running it twice changes nothing."""
    services.place(instance, at=now())
