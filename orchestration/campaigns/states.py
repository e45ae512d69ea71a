"""The states of an upgrade campaign and of each thing that it upgrades, and their arrows."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Kind(TextChoices):
    """What is upgraded: the release of instances, or the agent of nodes."""

    RELEASE = "release"
    AGENT = "agent"


class Campaigned(TextChoices):
    """Stopped stopped itself; a person goes on or gives it up."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


ENDED = (Campaigned.DONE, Campaigned.CANCELLED)

CAMPAIGN_ARROWS: Arrows = {
    Campaigned.RUNNING: frozenset(
        {Campaigned.PAUSED, Campaigned.STOPPED, Campaigned.DONE, Campaigned.CANCELLED}
    ),
    Campaigned.PAUSED: frozenset({Campaigned.RUNNING, Campaigned.STOPPED, Campaigned.CANCELLED}),
    Campaigned.STOPPED: frozenset({Campaigned.RUNNING, Campaigned.CANCELLED}),
    Campaigned.DONE: frozenset(),
    Campaigned.CANCELLED: frozenset(),
}


class Item(TextChoices):
    """How far one instance or node has come; failed goes back, returned is back."""

    WAITING = "waiting"
    SAVING = "saving"
    CHANGING = "changing"
    DONE = "done"
    FAILED = "failed"
    RETURNING = "returning"
    RETURNED = "returned"
    SKIPPED = "skipped"


MOVING = (Item.SAVING, Item.CHANGING, Item.FAILED, Item.RETURNING)
OPEN = (Item.WAITING, *MOVING)
WENT_WRONG = (Item.FAILED, Item.RETURNING, Item.RETURNED)

ITEM_ARROWS: Arrows = {
    Item.WAITING: frozenset({Item.SAVING, Item.CHANGING, Item.SKIPPED}),
    Item.SAVING: frozenset({Item.CHANGING, Item.SKIPPED}),
    Item.CHANGING: frozenset({Item.DONE, Item.FAILED, Item.SKIPPED}),
    Item.DONE: frozenset({Item.RETURNING}),
    Item.FAILED: frozenset({Item.RETURNING}),
    Item.RETURNING: frozenset({Item.RETURNED}),
    Item.RETURNED: frozenset(),
    Item.SKIPPED: frozenset(),
}


class Consent(TextChoices):
    """Whether the customer was asked, and what they said."""

    NOT_NEEDED = "not_needed"
    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
