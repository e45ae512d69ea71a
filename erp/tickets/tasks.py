"""Clocks that ran out are told of; running a task twice changes nothing."""

from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.tickets import queries, working
from erp.tickets.models import Ticket

BATCH = 200


@shared_task(ignore_result=True)
def sweep_clocks(**_: Any) -> None:
    """Hand every ticket whose clock ran out to its own task."""
    for pk in queries.overdue(now()).values_list("pk", flat=True)[:BATCH]:
        escalate.delay(ticket=pk)


@shared_task(ignore_result=True)
def escalate(*, ticket: int, **_: Any) -> None:
    """Tell of one clock that ran out, if it still did."""
    found = Ticket.objects.select_related("organisation").filter(pk=ticket).first()
    if found:
        working.escalate(found, at=now())
