"""The public status page, and the availability that a service's page shows of its own."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base import scope
from erp.base.doors import UserRequest, now
from erp.base.periods import Period
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right
from erp.ports import Availability
from orchestration.instances.access import line_for
from orchestration.instances.models import Instance
from orchestration.monitoring import measures
from orchestration.monitoring.models import Outage
from orchestration.monitoring.regions import MONTH, Region, overall, regions

MOST_OUTAGES = 20
# Everybody may ask: what is costly is worked out once in so many seconds.
STATUS_KEY, STATUS_SECONDS = "monitoring:status", 30


@require_GET
def status(request: HttpRequest) -> HttpResponse:
    """Show everybody how each region does; constant statements, however many nodes."""
    facts = cache.get_or_set(STATUS_KEY, _status, STATUS_SECONDS)
    return render(request, "monitoring/status.html", facts)


def _status() -> dict[str, Any]:
    with scope.everything("the public status page sums up what all nodes do"):
        at = now()
        found = regions(at)
        provider = Organisation.objects.filter(kind=Kind.PROVIDER).first()
    return {
        "provider": provider.name if provider else "",
        "overall": overall([region.state for region in found]),
        "regions": [_row(region) for region in found],
        "at": at,
    }


def _row(region: Region) -> dict[str, Any]:
    return {
        "name": region.name,
        "state": region.state,
        "since": region.since,
        "available": percent(region.share),
        "unknown": percent(region.unseen_share) if region.unseen_share else "",
        "planned": [(one.starts_at, one.ends_at, one.window.what) for one in region.planned],
    }


@login_required
@require_GET
def of_line(request: UserRequest, pk: int) -> HttpResponse:
    """Return how available one contract line was in the last 30 days, and what failed."""
    line = line_for(request.user, pk, right=Right.SEE)
    end = now()
    period = Period(end - MONTH, end)
    found = measures.of_lines([line.pk], period=period).get(line.pk)
    root = Instance.objects.filter(line=line, parent=None).first()
    # Before its first start a service has not failed, it has only not begun.
    begun = root.first_started_at if root and root.first_started_at else end
    late = Q(until=None) | Q(until__gt=max(period.start, begun))
    outages = Outage.objects.filter(late, instance__line=line).select_related("ticket")
    facts = {
        "figures": _figures(found) if found else [],
        "outages": outages.order_by("-since", "-pk")[:MOST_OUTAGES],
        "most": MOST_OUTAGES,
        "instance": root,
    }
    return render(request, "monitoring/_of_line.html", facts)


def _figures(found: Availability) -> list[dict[str, str]]:
    parts = [
        {"label": "Available", "value": percent(found.share) or "–", "note": "in the last 30 days"},
        {"label": "Failing", "value": length(found.down_seconds), "note": "all failures together"},
    ]
    if found.unseen_seconds:
        away = length(found.unseen_seconds)
        parts.append({"label": "Unknown", "value": away, "note": "the node was out of reach"})
    if found.planned_seconds:
        told = length(found.planned_seconds)
        parts.append({"label": "Maintenance", "value": told, "note": "announced, not counted"})
    if found.stopped_seconds:
        rest = length(found.stopped_seconds)
        parts.append({"label": "Stopped", "value": rest, "note": "not counted"})
    return parts


def percent(share: Decimal | None) -> str:
    """Return a share in words, rounded down: what failed for a second is not 100 %."""
    if share is None:
        return ""
    return f"{(share * 100).quantize(Decimal('0.01'), ROUND_DOWN)} %"


def length(seconds: Decimal) -> str:
    """Return a length in its two largest units."""
    left, parts = int(seconds), []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
