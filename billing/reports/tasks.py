"""Mail last month's statements to who wants them: found by a sweep, each by its own task."""

from typing import Any

from celery import shared_task
from django.db.models import Q

from billing.ledger.services import day_in
from billing.payments.models import StatementWish
from billing.reports import statements
from erp.base.doors import now

BATCH = 500


@shared_task(ignore_result=True)
def sweep_statements(**_: Any) -> None:
    """Hand every customer who was not sent last month's statement to its own task."""
    start, _end = statements.last_month(now().date())
    due = StatementWish.objects.filter(Q(sent_for_on=None) | Q(sent_for_on__lt=start))
    for pk in due.order_by("pk").values_list("pk", flat=True)[:BATCH]:
        mail_statement.delay(wish=pk)


@shared_task(ignore_result=True, acks_late=True)
def mail_statement(*, wish: int, **_: Any) -> None:
    """Mail one statement if it is still due; running it twice mails it once."""
    found = StatementWish.objects.select_related("organisation__parent").filter(pk=wish).first()
    if found and found.organisation.parent:
        today = day_in(found.organisation.parent, now())
        statements.mail_month(found, today, at=now())
