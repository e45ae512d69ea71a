"""The states of a contract: they are the permission to run."""

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
