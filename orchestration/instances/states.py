"""What was requested of an instance, and what was found of it."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Requested(TextChoices):
    """What should be."""

    STARTED = "started"
    STOPPED = "stopped"
    DESTROYED = "destroyed"


class State(TextChoices):
    """What is: waiting has no partition yet, wiped has none any more."""

    WAITING = "waiting"
    PLACED = "placed"
    BUILDING = "building"
    STARTING = "starting"
    STARTED = "started"
    STOPPED = "stopped"
    FAILED = "failed"
    WIPED = "wiped"


_FOUND = frozenset(set(State) - {State.WAITING})
# A node reports what it finds, so every found state may follow every other; what loses its place
# waits for another.
ARROWS: Arrows = {
    State.WAITING: frozenset({State.PLACED, State.WIPED}),
    State.WIPED: frozenset(),
    **{str(state): frozenset(State) - {state} for state in _FOUND - {State.WIPED}},
}
