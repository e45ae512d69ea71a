"""The states of an order and its arrows."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """What became of the wish."""

    DRAFT = "draft"
    PLACED = "placed"
    ACCEPTED = "accepted"
    REFUSED = "refused"


ARROWS: Arrows = {
    State.DRAFT: frozenset({State.PLACED}),
    State.PLACED: frozenset({State.ACCEPTED, State.REFUSED}),
    State.ACCEPTED: frozenset(),
    State.REFUSED: frozenset(),
}
