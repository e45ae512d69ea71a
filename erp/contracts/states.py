"""The states of a contract, which are the permission to run, and of changes to its lines."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Active runs, suspended stops, ended is destroyed after the retention."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


ARROWS: Arrows = {
    State.DRAFT: frozenset({State.ACTIVE, State.ENDED}),
    State.ACTIVE: frozenset({State.SUSPENDED, State.ENDED}),
    State.SUSPENDED: frozenset({State.ACTIVE, State.ENDED}),
    State.ENDED: frozenset(),
}


class ChangeState(TextChoices):
    """What became of a change of plan or quantity."""

    PLANNED = "planned"
    APPLIED = "applied"
    CANCELLED = "cancelled"


CHANGE_ARROWS: Arrows = {
    ChangeState.PLANNED: frozenset({ChangeState.APPLIED, ChangeState.CANCELLED}),
    ChangeState.APPLIED: frozenset(),
    ChangeState.CANCELLED: frozenset(),
}
