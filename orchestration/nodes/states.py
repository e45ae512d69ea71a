"""The states of a compute node and its arrows, and what carries its documents."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class Carrier(TextChoices):
    """Who opens the connection: a worker over SSH, or the node itself over HTTPS."""

    SSH = "ssh"
    HTTPS = "https"


class State(TextChoices):
    """Only a ready node takes new instances; a closed one keeps those that it has."""

    ENROLLING = "enrolling"
    READY = "ready"
    UNREACHABLE = "unreachable"
    CLOSED = "closed"
    DRAINING = "draining"
    RETIRED = "retired"


class ClosedFor(TextChoices):
    """Why a node is closed: what closed itself opens itself, what a person closed stays closed."""

    HAND = "hand"
    MAINTENANCE = "maintenance"
    CAPACITY = "capacity"
    PROMISES = "promises"


# Set aside, a node keeps its state when it vanishes: the journal alone says when it was gone.
SET_ASIDE = (State.CLOSED, State.DRAINING)
VANISHED, ANSWERS = "vanished", "answers"

BY_ITSELF = (ClosedFor.CAPACITY, ClosedFor.PROMISES)

ARROWS: Arrows = {
    State.ENROLLING: frozenset({State.READY, State.RETIRED}),
    State.READY: frozenset({State.UNREACHABLE, State.CLOSED, State.DRAINING}),
    State.UNREACHABLE: frozenset({State.READY, State.CLOSED, State.DRAINING}),
    State.CLOSED: frozenset({State.READY, State.DRAINING, State.CLOSED}),
    State.DRAINING: frozenset({State.READY, State.CLOSED, State.RETIRED}),
    State.RETIRED: frozenset(),
}
