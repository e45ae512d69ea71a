"""How messages leave one at a time: claimed under a lease, settled only by who claimed them.

A worker that is killed half-way leaves a row in `sending`; when its lease is over, the next worker
takes it and sends the same bytes with the same id, because nobody knows whether they left.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from django.db import transaction
from django.db.models import F, QuerySet

from erp.outbox.models import Outgoing
from erp.outbox.states import UNDONE, State

LEASE = timedelta(minutes=5)
UNKNOWN = "The worker was lost while sending: whether it arrived is unknown."

M = TypeVar("M", bound=Outgoing)


@transaction.atomic
def claim(rows: QuerySet[M], *, at: datetime) -> M | None:
    """Take the message that is due for longest, for the time of a lease; or nothing."""
    due = rows.filter(state__in=UNDONE, next_attempt_at__lte=at)
    free = due.order_by("next_attempt_at", "pk").select_for_update(skip_locked=True, of=("self",))
    row = free.first()
    if row is None:
        return None
    changes = {
        "state": State.SENDING,
        "state_since": at,
        "claim": uuid4().hex,
        "next_attempt_at": at + LEASE,
        "attempts": F("attempts") + 1,
    }
    type(row)._base_manager.filter(pk=row.pk).update(**changes)
    row.refresh_from_db()
    return row


def settle(row: Outgoing, state: State, *, at: datetime, **more: Any) -> bool:
    """Write what became of a message, if the claim is still ours; return whether it was."""
    mine = type(row)._base_manager.filter(pk=row.pk, state=State.SENDING, claim=row.claim)
    changes = {"state": state, "state_since": at, "state_reason": "", "claim": ""} | more
    if state == State.SENT:
        changes["sent_at"] = at
    return bool(mine.update(**changes))


def sent(row: Outgoing, *, at: datetime, **more: Any) -> bool:
    """It arrived."""
    return settle(row, State.SENT, at=at, **more)


def failed(
    row: Outgoing, why: str, *, at: datetime, pauses: Sequence[timedelta], **more: Any
) -> bool:
    """It did not arrive: try again after a pause, or give up when there were enough tries."""
    if row.attempts > len(pauses):
        return given_up(row, f"Given up after {row.attempts} tries. {why}", at=at, **more)
    pause = pauses[row.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311  (jitter)
    again: dict[str, Any] = {"next_attempt_at": at + pause}
    return settle(row, State.FAILED, at=at, state_reason=why, **(again | more))


def given_up(row: Outgoing, why: str, *, at: datetime, **more: Any) -> bool:
    """It will never arrive as it is."""
    return settle(row, State.GIVEN_UP, at=at, state_reason=why, **more)


def is_hopeless(row: Outgoing, *, at: datetime, pauses: Sequence[timedelta]) -> bool:
    """Give up a message whose workers were lost at every try: it may be what kills them."""
    if row.attempts <= len(pauses) + 1:
        return False
    given_up(row, UNKNOWN, at=at)
    return True


def again(row: Outgoing, *, at: datetime) -> bool:
    """Let a message that is at its end leave once more, with the same id."""
    ended = type(row)._base_manager.filter(pk=row.pk, state__in=[State.SENT, State.GIVEN_UP])
    return bool(
        ended.update(
            state=State.WAITING, state_since=at, state_reason="", attempts=0, next_attempt_at=at
        )
    )
