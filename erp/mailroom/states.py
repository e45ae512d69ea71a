"""How far a mail that came in has come, and what is done with mails of strangers."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class State(TextChoices):
    """Aside waits for a person; nothing that came in is lost."""

    WAITING = "waiting"
    TAKEN = "taken"
    ASIDE = "aside"
    IGNORED = "ignored"


ARROWS: Arrows = {
    State.WAITING: frozenset({State.TAKEN, State.ASIDE, State.IGNORED}),
    State.ASIDE: frozenset({State.TAKEN, State.IGNORED}),
    State.IGNORED: frozenset(),
    State.TAKEN: frozenset(),
}


class Policy(TextChoices):
    """What becomes of a mail from an address that no member has."""

    ASIDE = "aside"
    OPEN = "open"
    IGNORE = "ignore"
