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


def move(row: Stateful, to: str, *, at: datetime, by: str, why: str = "", **details: Any) -> None:
    """Take one arrow: checked, raced by `WHERE state = <the one I read>`, and recorded.

    Raises:
        IllegalMove: the table has no such arrow.
        StaleState: the row is no longer in the state that was read; nothing changed.
    """
    came_from = str(row.state)
    if to not in row.arrows.get(came_from, frozenset()):
        name = row._meta.verbose_name
        raise IllegalMove(f"This {name} is {came_from} and cannot become {to}.")
    with transaction.atomic():
        still_there = type(row)._base_manager.filter(pk=row.pk, state=came_from)
        if not still_there.update(state=to, state_since=at, state_reason=why):
            raise StaleState(
                f"This {row._meta.verbose_name} is no longer {came_from}: reload the page."
            )
        record(row, to, at=at, by=by, why=why, came_from=came_from, **details)
    row.state, row.state_since, row.state_reason = to, at, why
