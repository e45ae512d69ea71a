"""Render issued documents: soon by a nudge, surely by a sweep."""

from typing import Any

from celery import shared_task

from billing.documents import queries, services
from erp.base.doors import now
from erp.base.errors import DomainError

BATCH = 100


@shared_task(ignore_result=True)
def sweep_documents(**_: Any) -> None:
    """Hand every document that waits to its own task."""
    for pk in queries.due(now()).values_list("pk", flat=True)[:BATCH]:
        render_document.delay(document=pk)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def render_document(*, document: int, **_: Any) -> None:
    """Render one document if it still waits; running it twice changes nothing."""
    found = queries.due(now()).filter(pk=document).first()
    if found:
        services.render(found, at=now(), by="render_document")
