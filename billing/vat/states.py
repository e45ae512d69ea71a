"""The states of a question about a VAT number."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Confirmed: a person took the register's place, with a reason."""

    WAITING = "waiting"
    VALID = "valid"
    INVALID = "invalid"
    CONFIRMED = "confirmed"


ARROWS: Arrows = {
    State.WAITING: frozenset({State.VALID, State.INVALID, State.CONFIRMED}),
    State.VALID: frozenset(),
    State.INVALID: frozenset(),
    State.CONFIRMED: frozenset(),
}
