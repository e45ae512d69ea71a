"""What the recurring checks found, for Prometheus."""

from datetime import datetime

from django.db.models import Count, Min

from orchestration.maintenance.models import Check
from orchestration.maintenance.states import Verdict
from orchestration.monitoring.metrics import Metric, Value, gauge


def of_checks(at: datetime) -> list[Metric]:
    """Return how many checks end how, by name, and the age of the oldest look; two statements."""
    rows = Check.objects.order_by("name", "verdict").values_list("name", "verdict")
    counted = {(name, verdict): count for name, verdict, count in rows.annotate(n=Count("pk"))}
    names = sorted({name for name, _ in counted})
    values: list[Value] = [
        ({"check": name, "verdict": str(verdict)}, counted.get((name, verdict), 0))
        for name in names
        for verdict in Verdict
    ]
    oldest = Check.objects.aggregate(first=Min("checked_at"))["first"]
    age = max((at - oldest).total_seconds(), 0.0) if oldest else 0.0
    return [
        Metric("tenantry_checks", "Recurring checks by name and how they ended.", values),
        gauge("tenantry_oldest_check_age_seconds", "How old the oldest look is.", age),
    ]
