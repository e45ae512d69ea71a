"""Watch budgets: what a month costs so far, and who is told of it."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db.models import F, Q

from billing.invoicing import spending
from erp.base.doors import now
from erp.contracts.models import Budget

BATCH = 500
# How old a look at a budget may become.
FRESH = timedelta(minutes=10)


@shared_task(ignore_result=True)
def sweep_budgets(**_: Any) -> None:
    """Hand the budgets that nobody looked at for the longest time to their own tasks."""
    stale = Q(watched_at=None) | Q(watched_at__lte=now() - FRESH)
    found = Budget.objects.filter(stale).order_by(F("watched_at").asc(nulls_first=True), "pk")
    for pk in found.values_list("pk", flat=True)[:BATCH]:
        watch_budget.delay(budget=pk)


@shared_task(ignore_result=True, acks_late=True)
def watch_budget(*, budget: int, **_: Any) -> None:
    """Look at one budget; running it twice tells nobody twice."""
    found = Budget.objects.select_related("organisation", "contract").filter(pk=budget).first()
    if found:
        spending.watch(found, at=now())
