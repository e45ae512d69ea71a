"""The states of work on a node and of a check, and their arrows."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Work(TextChoices):
    """From the plan over the closed node to the open one again."""

    PLANNED = "planned"
    PREPARING = "preparing"
    WORKING = "working"
    CHECKING = "checking"
    DONE = "done"
    CANCELLED = "cancelled"


class How(TextChoices):
    """What becomes of what runs on the node meanwhile."""

    CLOSE = "close", "take no new instances; what is there runs on"
    DRAIN = "drain", "move what is there to other nodes, and wait until it is empty"
    STOP = "stop", "stop what is there, with its data, until the work is done"


OPEN = (Work.PLANNED, Work.PREPARING, Work.WORKING, Work.CHECKING)

ARROWS: Arrows = {
    Work.PLANNED: frozenset({Work.PREPARING, Work.CANCELLED}),
    Work.PREPARING: frozenset({Work.WORKING, Work.CHECKING, Work.CANCELLED}),
    Work.WORKING: frozenset({Work.CHECKING}),
    Work.CHECKING: frozenset({Work.DONE}),
    Work.DONE: frozenset(),
    Work.CANCELLED: frozenset(),
}


class Verdict(TextChoices):
    """How a check ends: a warning is for the page, a failure opens a ticket, unknown is neither."""

    OK = "ok"
    WARN = "warn"
    FAILED = "failed"
    UNKNOWN = "unknown"
