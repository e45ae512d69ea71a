"""Move files on: tell who is debited, settle what is due, mark what came back; found by sweeps."""

from typing import Any

from celery import shared_task

from billing.ledger.services import day_in
from billing.sepa import debits, queries, runs, transfers
from billing.sepa.models import Debit, SepaRun
from billing.sepa.states import State
from erp.base.doors import now

BATCH = 500


@shared_task(ignore_result=True)
def sweep_runs(**_: Any) -> None:
    """Hand every file that a bank has, and every debit that came back, to its own task."""
    for pk in queries.under_way().values_list("pk", flat=True)[:BATCH]:
        work_through.delay(run=pk)
    for pk in queries.taken_back().values_list("pk", flat=True)[:BATCH]:
        mark_returned.delay(debit=pk)


@shared_task(ignore_result=True, acks_late=True)
def work_through(*, run: int, **_: Any) -> None:
    """Announce and settle a batch of one file; running it twice changes nothing more."""
    found = queries.under_way().select_related("organisation").filter(pk=run).first()
    if found is None:
        return
    pending = found.debits.filter(state=State.PENDING).order_by("pk")
    for debit in pending.filter(announced_at=None)[:BATCH]:
        debits.announce(debit, at=now())
    if day_in(found.organisation, now()) >= found.on:
        _settle(found)


def _settle(run: SepaRun) -> None:
    for debit in runs.pending(run, BATCH):
        debits.settle(debit, at=now())
    for transfer in run.transfers.filter(state=State.PENDING).order_by("pk")[:BATCH]:
        transfers.settle(transfer, at=now())
    runs.finish(run, at=now(), by=debits.BY)


@shared_task(ignore_result=True, acks_late=True)
def mark_returned(*, debit: int, **_: Any) -> None:
    """Mark one debit that came back by hand; running it twice changes nothing."""
    found = Debit.objects.filter(pk=debit).first()
    if found:
        debits.returned(found, found.code, at=now(), by=debits.BY)
