"""One worker at a time drives a node: a row with an owner, an end, and a fence that rises."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from erp.base.errors import DomainError
from orchestration.nodes.models import NodeLease

# Longer than any conversation may last: see `BUDGET` in services and the time-outs in ssh.
LENGTH = timedelta(seconds=90)


class LeaseLost(DomainError):
    """Another worker drives this node now: nothing of this pass was stored."""

    code = "lease_lost"


# One statement: a visit is short, and its lease must not cost as much as the visit. Who gave the
# node back in order and comes again goes on under its fence: a node keeps each new one on disk.
RISEN = "fence + (lease.owner <> %(owner)s OR lease.until IS NOT NULL)::int"
_CLAIM = f"""
UPDATE orchestration_nodelease lease
SET owner = %(owner)s, until = %(until)s, fence = {RISEN}
WHERE id = (SELECT id FROM orchestration_nodelease
            WHERE node_id = %(node)s AND (until IS NULL OR until <= %(at)s)
            FOR UPDATE SKIP LOCKED)
RETURNING fence
"""  # noqa: S608  (constants of this file)


def claim(node_pk: int, *, owner: str, at: datetime) -> int | None:
    """Return the fence of a new lease, or None while somebody else holds the node.

    A holder that died is succeeded when its lease is over; its fence is then too old for the node
    and for `held`.
    """
    facts: dict[str, Any] = {"node": node_pk, "owner": owner, "at": at, "until": at + LENGTH}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, facts)
        row = cursor.fetchone()
    return int(row[0]) if row else None


def hold(node_pk: int, fence: int) -> None:
    """Lock the lease for the rest of the transaction.

    Raises:
        LeaseLost: it is not ours any more.
    """
    mine = NodeLease.objects.select_for_update().filter(node_id=node_pk, fence=fence)
    if not mine.exclude(until=None).exists():
        raise LeaseLost


def release(node_pk: int, fence: int, *, in_order: bool = False) -> None:
    """Give the node back; somebody else's lease is left alone.

    Args:
        in_order: all that was asked was answered, so that nothing is still on its way to the node;
            the same owner then goes on under the same fence.
    """
    mine = NodeLease.objects.filter(node_id=node_pk, fence=fence)
    mine.update(until=None, **({} if in_order else {"owner": ""}))
