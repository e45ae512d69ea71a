"""After a restore: what happened since the backup, and is not in the database, is not undone.

Numbers that were taken are not taken again and what they billed is not billed again (by the file
that billing keeps beside the database); mails and deliveries that may have left do not leave again;
nodes are compared before anything on them is changed.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.db import transaction

from billing.invoicing import lost
from erp.outbox.models import Delivery, Mail
from erp.outbox.states import UNDONE, State
from orchestration.convergence import comparison

HELD = "The Master was restored from a backup: it may have left already. Send it again if not."


@dataclass(frozen=True, slots=True)
class Settled:
    """What was settled, in numbers."""

    numbers: int
    messages: int
    nodes: int


@transaction.atomic
def settle(numbers: Path | None, *, at: datetime, by: str) -> Settled:
    """Settle all of it in one transaction; doing it twice changes nothing more.

    Args:
        numbers: billing's file of taken numbers; None where it was lost with the machine.

    Raises:
        BadJournal: the file is not what billing wrote.
    """
    found = lost.take_over(numbers, at=at, by=by) if numbers else 0
    held = {"state": State.GIVEN_UP, "state_since": at, "state_reason": HELD}
    messages = sum(
        model._base_manager.filter(state__in=UNDONE).update(**held) for model in (Mail, Delivery)
    )
    return Settled(found, messages, comparison.begin_all(at=at, by=by))
