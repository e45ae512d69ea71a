"""The states of a movement on a bank account."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Open until somebody says what it is; every answer may be taken back."""

    OPEN = "open"
    MATCHED = "matched"
    BOOKED = "booked"
    SET_ASIDE = "set_aside"


ARROWS: Arrows = {
    State.OPEN: frozenset({State.MATCHED, State.BOOKED, State.SET_ASIDE}),
    State.MATCHED: frozenset({State.OPEN}),
    State.BOOKED: frozenset({State.OPEN}),
    State.SET_ASIDE: frozenset({State.OPEN}),
}
