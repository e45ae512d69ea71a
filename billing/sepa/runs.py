"""A file on its way: given to the bank, cancelled before, at its end when all of it is."""

from datetime import datetime

from django.db import transaction

from billing.dunning import services as dunning
from billing.sepa import transfers
from billing.sepa.models import Debit, SepaRun
from billing.sepa.states import RunKind, RunState, State
from erp.base.errors import DomainError
from erp.base.lifecycle import move


class TooLate(DomainError):
    """The day of this file is over: cancel it, and make another."""

    code = "too_late"


@transaction.atomic
def send(run: SepaRun, *, at: datetime, by: str) -> None:
    """Record that the bank has the file; saying it again changes nothing.

    Raises:
        TooLate: its day is over.
        IllegalMove: it was cancelled.
    """
    row = _locked(run)
    if row.state in (RunState.SENT, RunState.DONE):
        return
    if row.on < at.date():
        raise TooLate
    move(row, RunState.SENT, at=at, by=by)


@transaction.atomic
def cancel(run: SepaRun, *, at: datetime, by: str, why: str) -> None:
    """Take a file back that no bank has: its invoices may be debited by another.

    Raises:
        IllegalMove: the bank has it.
    """
    row = _locked(run)
    move(row, RunState.CANCELLED, at=at, by=by, why=why)
    for debit in row.debits.filter(state=State.PENDING):
        move(debit, State.CANCELLED, at=at, by=by, why=why)
    if row.kind == RunKind.DEBIT:
        invoices = list(row.debits.values_list("invoice", flat=True))
        dunning.end_debit_holds(row.organisation, invoices, at=at, by=by)
    for one in row.transfers.filter(state=State.PENDING):
        transfers.undo(one, State.CANCELLED, "", at=at, by=by)


@transaction.atomic
def finish(run: SepaRun, *, at: datetime, by: str) -> None:
    """Move a file to its end when nothing in it is pending; before that nothing happens."""
    row = _locked(run)
    if row.state != RunState.SENT:
        return
    states = {*row.debits.values_list("state", flat=True)}
    states |= {*row.transfers.values_list("state", flat=True)}
    if State.PENDING not in states:
        is_refused = states == {State.REJECTED}
        move(row, RunState.REJECTED if is_refused else RunState.DONE, at=at, by=by)


def pending(run: SepaRun, most: int) -> list[Debit]:
    """Return debits of a file that wait, in its order."""
    return list(run.debits.filter(state=State.PENDING).order_by("pk")[:most])


def _locked(run: SepaRun) -> SepaRun:
    rows = SepaRun.objects.select_for_update(of=("self",)).defer("content")
    return rows.select_related("organisation").get(pk=run.pk)
