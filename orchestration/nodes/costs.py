"""What machines cost: dated, so that a report of the past stays as it was."""

from datetime import datetime

from django.db import transaction

from erp.base.journal import record
from orchestration.nodes.models import ComputeNode, NodeCost


@transaction.atomic
def set_cost(
    node: ComputeNode,
    monthly_minor: int,
    currency: str,
    *,
    starts_at: datetime,
    at: datetime,
    by: str,
) -> NodeCost:
    """Say what a machine costs in a month from a moment on; the same moment again replaces it."""
    ComputeNode.objects.select_for_update(no_key=True).get(pk=node.pk)
    facts = {"monthly_minor": monthly_minor, "currency": currency}
    known = NodeCost.objects.filter(node=node, starts_at=starts_at).first()
    if known and all(getattr(known, name) == value for name, value in facts.items()):
        return known
    made, _ = NodeCost.objects.update_or_create(
        node=node,
        starts_at=starts_at,
        defaults=facts | {"organisation_id": node.organisation_id, "set_at": at, "set_by": by},
    )
    begins = starts_at.isoformat()
    record(node, "cost_set", at=at, by=by, minor=monthly_minor, currency=currency, begins=begins)
    return made
