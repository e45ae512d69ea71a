"""The states of repositories, of what is moved or restored, of drills and takeovers."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Stored(TextChoices):
    """A repository is written to, or kept for what it holds, or gone."""

    READY = "ready"
    LEFT = "left"
    GONE = "gone"


class SnapshotState(TextChoices):
    """What is known of a snapshot."""

    GOOD = "good"
    FORGOTTEN = "forgotten"
    MISSING = "missing"


class Why(TextChoices):
    """Why an instance is brought to a snapshot."""

    TAKEOVER = "takeover"
    MOVE = "move"
    RESTORE = "restore"


class Going(TextChoices):
    """How far a takeover, a move or a restore of one instance has come."""

    WAITING = "waiting"
    COPYING = "copying"
    PREPARING = "preparing"
    STOPPING = "stopping"
    STARTING = "starting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Drilled(TextChoices):
    """How far a drill or a copy has come; its partition is held until it is known to be wiped."""

    WAITING = "waiting"
    RESTORING = "restoring"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ENDED = "ended"


class Open(TextChoices):
    """A takeover of a node lasts until each of its instances is well elsewhere, or given up."""

    OPEN = "open"
    DONE = "done"


STORED_ARROWS: Arrows = {
    Stored.READY: frozenset({Stored.LEFT, Stored.GONE}),
    Stored.LEFT: frozenset({Stored.GONE}),
    Stored.GONE: frozenset(),
}
GOING_ARROWS: Arrows = {
    Going.WAITING: frozenset({Going.STARTING, Going.FAILED, Going.CANCELLED}),
    Going.COPYING: frozenset({Going.PREPARING, Going.FAILED, Going.CANCELLED}),
    Going.PREPARING: frozenset({Going.STOPPING, Going.FAILED, Going.CANCELLED}),
    Going.STOPPING: frozenset({Going.STARTING, Going.FAILED, Going.CANCELLED}),
    Going.STARTING: frozenset({Going.DONE, Going.FAILED}),
    Going.DONE: frozenset(),
    Going.FAILED: frozenset(),
    Going.CANCELLED: frozenset(),
}
DRILL_ARROWS: Arrows = {
    Drilled.WAITING: frozenset({Drilled.RESTORING, Drilled.FAILED, Drilled.ENDED}),
    Drilled.RESTORING: frozenset({Drilled.RUNNING, Drilled.PASSED, Drilled.FAILED, Drilled.ENDED}),
    Drilled.RUNNING: frozenset({Drilled.ENDED}),
    Drilled.PASSED: frozenset(),
    Drilled.FAILED: frozenset(),
    Drilled.ENDED: frozenset(),
}
OPEN_ARROWS: Arrows = {Open.OPEN: frozenset({Open.DONE}), Open.DONE: frozenset()}

# While one of these lasts, there is no second one of the same instance.
UNDER_WAY = (Going.WAITING, Going.COPYING, Going.PREPARING, Going.STOPPING, Going.STARTING)
# Before the switch nothing was changed: it can be called off.
BEFORE_SWITCH = (Going.WAITING, Going.COPYING, Going.PREPARING, Going.STOPPING)
DRILL_UNDER_WAY = (Drilled.WAITING, Drilled.RESTORING, Drilled.RUNNING)
