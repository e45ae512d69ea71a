"""The metrics of all packages at /metrics, for who has the token."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from billing.documents.models import Document
from billing.documents.states import State
from erp.base import scope
from erp.base.doors import now
from erp.outbox.queries import oldest_due_seconds
from orchestration.maintenance.metrics import of_checks
from orchestration.monitoring.metrics import CONTENT_TYPE, exposition, gauge, metrics

DOCUMENTS = "tenantry_documents_waiting"
OUTBOX = "tenantry_oldest_due_message_age_seconds"


@require_GET
def scrape(request: HttpRequest) -> HttpResponse:
    """Answer a scrape with the right bearer token; without a token set there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _is_admitted(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    with scope.everything("the metrics count what everybody has"):
        waiting = Document.objects.exclude(state=State.STORED).count()
        documents = gauge(DOCUMENTS, "Documents that wait for their rendering.", waiting)
        late = oldest_due_seconds(now())
        outbox = gauge(OUTBOX, "How long a mail or a delivery has been due.", late)
        text = exposition([*metrics(now()), *of_checks(now()), documents, outbox])
    return HttpResponse(text, content_type=CONTENT_TYPE)


def _is_admitted(header: str) -> bool:
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return hmac.compare_digest(header.encode(), wanted.encode())
