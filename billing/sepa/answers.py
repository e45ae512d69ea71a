"""What a bank answers to a file: pain.002, each refusal once."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from billing.sepa import debits, queries, runs, status, transfers
from billing.sepa.iso20022 import BadFile
from billing.sepa.models import SepaRun
from billing.sepa.states import RunState, State
from erp.base.journal import record
from erp.customers.models import Organisation


@transaction.atomic
def take(seller: Organisation, content: bytes, *, at: datetime, by: str) -> tuple[SepaRun, int]:
    """Carry out what a status report says; return the file, and how many orders it refuses anew.

    The same report again changes nothing. A file that a bank answers was given to it.

    Raises:
        BadFile: it is no status report, or about a file that is not of this seller.
    """
    said = status.read(content)
    run = queries.runs(seller).filter(reference=said.message).first()
    if run is None:
        raise BadFile(f"The report is about a file “{said.message}”, and {seller} made none such.")
    if run.state == RunState.PREPARED:
        runs.send(run, at=at, by=by)
    refused = 0
    for one in said.refused:
        refused += _refuse(run, one, at=at, by=by)
    runs.finish(run, at=at, by=by)
    record(run, "answered", at=at, by=by, refused=refused)
    run.refresh_from_db()
    return run, refused


@transaction.atomic
def refuse_all(run: SepaRun, *, at: datetime, by: str) -> int:
    """Record that the bank took nothing of a file; return how many orders it refused."""
    done = _refuse(run, status.Refused("", "", ""), at=at, by=by)
    runs.finish(run, at=at, by=by)
    return done


def _refuse(run: SepaRun, said: status.Refused, *, at: datetime, by: str) -> int:
    meant = _meant(said)
    refused = list(run.debits.filter(meant).order_by("invoice"))
    for debit in refused:
        debits.reject(debit, said.code, at=at, by=by)
    undone = list(run.transfers.filter(meant).order_by("pk"))
    for transfer in undone:
        transfers.undo(transfer, State.REJECTED, said.code, at=at, by=by)
    return len(refused) + len(undone)


def _meant(said: status.Refused) -> Q:
    """Return which orders are refused: one, a batch, or all; not what is at its end already."""
    meant = Q(state__in=[State.PENDING, State.SETTLED])
    if said.end_to_end:
        return meant & Q(reference=said.end_to_end)
    return meant & Q(batch=said.batch) if said.batch else meant
