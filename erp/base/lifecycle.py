"""States as a table of arrows, moved by one guarded statement, with a line in the journal."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction

from erp.base.errors import DomainError
from erp.base.journal import record

Arrows = Mapping[str, frozenset[str]]


class IllegalMove(DomainError):
    """There is no such arrow between the two states."""

    code = "illegal_move"


class StaleState(DomainError):
    """Somebody else moved it first: reload and look again."""

    code = "stale_state"


class Stateful(models.Model):
    """A row with a state, since when and why. Nothing but `move` assigns the state."""

    arrows: ClassVar[Arrows]

    state = models.CharField(max_length=20)
    state_since = models.DateTimeField()
    state_reason = models.TextField(blank=True)

    class Meta:
        abstract = True


def move(
    row: Stateful,
    to: str,
    *,
    at: datetime,
    by: str,
    why: str = "",
    also: Mapping[str, Any] | None = None,
) -> None:
    """Take one arrow: checked, raced by `WHERE state = <the one I read>`, and recorded.

    Args:
        also: other columns that change in the same statement.

    Raises:
        IllegalMove: the table has no such arrow.
        StaleState: the row is no longer in the state that was read; nothing changed.
    """
    came_from = str(row.state)
    name = row._meta.verbose_name
    if to not in row.arrows.get(came_from, frozenset()):
        raise IllegalMove(f"This {name} is {came_from} and cannot become {to}.")
    changes = {**(also or {}), "state": to, "state_since": at, "state_reason": why}
    with transaction.atomic():
        if not type(row)._base_manager.filter(pk=row.pk, state=came_from).update(**changes):
            raise StaleState(f"This {name} is no longer {came_from}: reload the page.")
        record(row, to, at=at, by=by, why=why, came_from=came_from)
    for column, value in changes.items():
        setattr(row, column, value)
