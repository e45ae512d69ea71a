"""Forget old answers of the API."""

from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.customers import replies


@shared_task(ignore_result=True)
def sweep_replies(**_: Any) -> None:
    """Forget what was answered a month ago; running it twice changes nothing more."""
    replies.prune(at=now())
