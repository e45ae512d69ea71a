"""The states of a document: what was frozen waits for its rendering."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Blocked: this machine cannot render, and the reason says what to install."""

    WAITING = "waiting"
    STORED = "stored"
    BLOCKED = "blocked"
    FAILED = "failed"


ARROWS: Arrows = {
    State.WAITING: frozenset({State.STORED, State.BLOCKED, State.FAILED}),
    State.BLOCKED: frozenset({State.STORED, State.FAILED}),
    State.FAILED: frozenset({State.STORED, State.BLOCKED}),
    State.STORED: frozenset(),
}
