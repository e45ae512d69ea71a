"""One worker at a time drives a node: a row with an owner, an end, and a fence that rises."""

from datetime import datetime, timedelta

from django.db import transaction

from erp.base.errors import DomainError
from orchestration.nodes.models import NodeLease

# Longer than any conversation may last: see `BUDGET` in services and the time-outs in ssh.
LENGTH = timedelta(seconds=90)


class LeaseLost(DomainError):
    """Another worker drives this node now: nothing of this pass was stored."""

    code = "lease_lost"


@transaction.atomic
def claim(node_pk: int, *, owner: str, at: datetime) -> int | None:
    """Return the fence of a new lease, or None while somebody else holds the node.

    A holder that died is succeeded when its lease is over; its fence is then too old for the node
    and for `held`.
    """
    row = NodeLease.objects.select_for_update(skip_locked=True).filter(node_id=node_pk).first()
    if row is None or (row.until is not None and row.until > at):
        return None
    row.owner, row.until, row.fence = owner, at + LENGTH, row.fence + 1
    row.save(update_fields=["owner", "until", "fence"])
    return row.fence


def hold(node_pk: int, fence: int) -> None:
    """Lock the lease for the rest of the transaction.

    Raises:
        LeaseLost: it is not ours any more.
    """
    mine = NodeLease.objects.select_for_update().filter(node_id=node_pk, fence=fence)
    if not mine.exclude(until=None).exists():
        raise LeaseLost


def release(node_pk: int, fence: int) -> None:
    """Give the node back; somebody else's lease is left alone."""
    NodeLease.objects.filter(node_id=node_pk, fence=fence).update(owner="", until=None)
