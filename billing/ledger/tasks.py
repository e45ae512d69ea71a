"""Release deferred revenue month by month, and anchor the chains every day."""

from datetime import UTC, date
from typing import Any

from celery import shared_task
from django.db import transaction

from billing.ledger import closing, deferrals, queries
from erp.base.doors import now

BATCH = 500


@shared_task(ignore_result=True)
def sweep_deferrals(**_: Any) -> None:
    """Hand each month that is over and waits to its own task."""
    for entry_pk, month_on in queries.unreleased(now().astimezone(UTC).date())[:BATCH]:
        release_deferral.delay(entry_pk=entry_pk, month=month_on.isoformat())


@shared_task(ignore_result=True)
def release_deferral(*, entry_pk: int, month: str, **_: Any) -> None:
    """Release one month of one entry; running it twice changes nothing."""
    deferrals.release(queries.entry(entry_pk), date.fromisoformat(month), at=now())


@shared_task(ignore_result=True)
def sweep_anchors(**_: Any) -> None:
    """Anchor every chain that grew since its last anchor, which is a day old; twice is once."""
    for books in queries.without_anchor(now())[:BATCH]:
        with transaction.atomic():
            closing.anchor(books, at=now(), why="daily")
