"""The states of mandates, of files, and of what stands in a file."""

from django.db.models import TextChoices

from erp.base.lifecycle import Arrows


class MandateState(TextChoices):
    """Failed: the bank refuses it, until the customer signs another."""

    ACTIVE = "active"
    FAILED = "failed"
    REVOKED = "revoked"
    ENDED = "ended"


MANDATE_ARROWS: Arrows = {
    MandateState.ACTIVE: frozenset({MandateState.FAILED, MandateState.REVOKED, MandateState.ENDED}),
    MandateState.FAILED: frozenset({MandateState.REVOKED}),
    MandateState.REVOKED: frozenset(),
    MandateState.ENDED: frozenset(),
}


class RunState(TextChoices):
    """Only a file that no bank has may be cancelled."""

    PREPARED = "prepared"
    SENT = "sent"
    DONE = "done"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


RUN_ARROWS: Arrows = {
    RunState.PREPARED: frozenset({RunState.SENT, RunState.CANCELLED}),
    RunState.SENT: frozenset({RunState.DONE, RunState.REJECTED}),
    RunState.DONE: frozenset(),
    RunState.REJECTED: frozenset(),
    RunState.CANCELLED: frozenset(),
}


class State(TextChoices):
    """Of one debit or transfer: settled on its day, unless a bank says otherwise."""

    PENDING = "pending"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"
    CANCELLED = "cancelled"


ARROWS: Arrows = {
    State.PENDING: frozenset({State.SETTLED, State.REJECTED, State.CANCELLED}),
    State.SETTLED: frozenset({State.RETURNED}),
    State.REJECTED: frozenset(),
    State.RETURNED: frozenset(),
    State.CANCELLED: frozenset(),
}


class Scheme(TextChoices):
    """Consumers and companies, or companies only: who debits by B2B is never asked to give back."""

    CORE = "CORE", "Core"
    B2B = "B2B", "Between companies (B2B)"


class MandateKind(TextChoices):
    """How often a mandate may be used."""

    RECURRENT = "recurrent", "Recurrent"
    ONE_OFF = "one_off", "Once"


class RunKind(TextChoices):
    """Which way the money goes."""

    DEBIT = "debit", "Direct debits"
    TRANSFER = "transfer", "Transfers"
