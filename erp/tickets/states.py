"""Kinds and states of a ticket."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Kind(TextChoices):
    """What the conversation is about."""

    SUPPORT = "support"
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    REGULARISATION = "regularisation"


class Channel(TextChoices):
    """How the conversation began."""

    PORTAL = "portal"
    MAIL = "mail"
    SYSTEM = "system"


class Said(TextChoices):
    """What a message is: words of somebody, or what was done from the ticket."""

    WORDS = "words"
    ACT = "act"


class State(TextChoices):
    """Whose turn it is."""

    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


ARROWS: Arrows = {
    State.OPEN: frozenset({State.WAITING, State.CLOSED}),
    State.WAITING: frozenset({State.OPEN, State.CLOSED}),
    State.CLOSED: frozenset({State.OPEN, State.WAITING}),
}
