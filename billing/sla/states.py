"""The states of a service credit."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """The system drafts, or notes that all was as agreed; a person decides on a draft."""

    KEPT = "kept"
    DRAFTED = "drafted"
    APPROVED = "approved"
    REFUSED = "refused"


ARROWS: Arrows = {
    State.KEPT: frozenset(),
    State.DRAFTED: frozenset({State.APPROVED, State.REFUSED}),
    State.APPROVED: frozenset(),
    State.REFUSED: frozenset(),
}
