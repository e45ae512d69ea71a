"""Draft service credits of months that are over: found by a sweep, each by its own task."""

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task

from billing.invoicing.models import Invoice
from billing.sla import queries, services
from erp.base.doors import now
from erp.base.periods import month_of

BATCH = 500
# Invoices of how many months back are looked at.
MONTHS_BACK = 3


@shared_task(ignore_result=True)
def sweep_service_credits(**_: Any) -> None:
    """Hand every invoice of the last months that may owe a credit to its own task."""
    month = month_of(now())
    for _back in range(MONTHS_BACK):
        month = month_of(month.start - timedelta(days=1))
        for pk in queries.to_look_at(month).values_list("pk", flat=True)[:BATCH]:
            draft_credit.delay(invoice=pk, month=month.start.isoformat())


@shared_task(ignore_result=True, acks_late=True)
def draft_credit(*, invoice: int, month: str, **_: Any) -> None:
    """Draft the credit of one invoice for one month; running it twice drafts one."""
    found = Invoice.objects.filter(pk=invoice).first()
    if found:
        over = month_of(datetime.fromisoformat(month))
        services.draft(found, over, at=now(), by="sweep_service_credits")
