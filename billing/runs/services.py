"""Open a billing run, work through its contracts, issue its drafts."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.rating import services as rating
from billing.rating.queries import window_of
from billing.runs.models import BillingRun, Outcome, RunItem
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.nudges import announce
from erp.base.periods import Period
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from erp.customers.models import Organisation

log = logging.getLogger(__name__)


class NotOver(DomainError):
    """The period ends in the future: bill what has happened."""

    code = "not_over"


class NotFinished(DomainError):
    """The run still makes drafts: issue them when it is finished."""

    code = "not_finished"


def open_run(
    issuer: Organisation, period: Period, *, cut_off: datetime, at: datetime, by: str
) -> BillingRun:
    """Open a run; opening the same run again returns it. A worker makes its drafts.

    Raises:
        NotOver: the period ends after now.
    """
    if period.end > at:
        raise NotOver(f"{period} is not over yet: choose an end in the past, or now.")
    with transaction.atomic():
        run, is_new = BillingRun.objects.get_or_create(
            organisation=issuer,
            starts_at=period.start,
            ends_at=period.end,
            cut_off_at=cut_off,
            defaults={"opened_at": at, "opened_by": by},
        )
        if is_new:
            record(run, "opened", at=at, by=by, period=str(period))
            announce("billing_run.opened", run=run.pk)
    return run


def work_through(run: BillingRun, *, at: datetime, by: str) -> None:
    """Draft or park every contract that the run has not looked at; each in its own transaction."""
    for contract in waiting(run).order_by("pk").iterator(chunk_size=200):
        take(run, contract, at=at, by=by)
    BillingRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=at)
    run.refresh_from_db(fields=["finished_at"])


def waiting(run: BillingRun) -> QuerySet[Contract]:
    """Return the seller's contracts with activity up to the run's end, without those it has."""
    sold = Contract.objects.filter(seller_id=run.organisation_id, starts_at__lt=run.ends_at)
    return (
        sold.exclude(state=Contracted.DRAFT)
        .exclude(pk__in=RunItem.objects.filter(run=run).values("contract_id"))
        .select_related("organisation", "seller")
    )


def take(run: BillingRun, contract: Contract, *, at: datetime, by: str) -> RunItem:
    """Rate and draft one contract, or park it with the reason; it never stops the others."""
    try:
        with transaction.atomic():
            outcome, reason, invoice = _bill(run, contract, at=at, by=by)
            return _item(run, contract, outcome, reason, invoice)
    except DomainError as error:
        return _item(run, contract, Outcome.PARKED, str(error), None)
    except Exception as error:
        log.exception("contract %s is parked", contract)
        return _item(run, contract, Outcome.PARKED, f"fault: {type(error).__name__}", None)


def _bill(
    run: BillingRun, contract: Contract, *, at: datetime, by: str
) -> tuple[Outcome, str, Invoice | None]:
    Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
    open_draft = Invoice.objects.filter(contract=contract, state=State.DRAFT).first()
    if open_draft:
        return Outcome.DRAFTED, "drafted by an earlier run", open_draft
    window = window_of(contract, run.ends_at)
    if window is None:
        return Outcome.NOTHING, "billed already, or not in force", None
    rated = rating.rate(contract, period=window, cut_off=run.cut_off_at, at=at)
    if not rated.lines.exists():
        return Outcome.NOTHING, "nothing existed and nothing was used", None
    return Outcome.DRAFTED, "", invoicing.draft(rated, at=at, by=by)


def _item(
    run: BillingRun, contract: Contract, outcome: str, reason: str, invoice: Invoice | None
) -> RunItem:
    item, _ = RunItem.objects.get_or_create(
        run=run,
        contract=contract,
        defaults={
            "organisation_id": contract.organisation_id,
            "outcome": outcome,
            "reason": reason,
            "invoice": invoice,
        },
    )
    return item


@transaction.atomic
def retry(item: RunItem, *, at: datetime, by: str) -> RunItem:
    """Look at a parked contract again, with the same cut-off; a draft or another reason results."""
    row = RunItem.objects.select_for_update(of=("self",)).filter(pk=item.pk).first()
    if row is None:  # Somebody else looked again just now.
        return RunItem.objects.get(run=item.run_id, contract=item.contract_id)
    if row.outcome == Outcome.DRAFTED:
        return row
    run, contract = row.run, row.contract
    row.delete()
    return take(run, contract, at=at, by=by)


@transaction.atomic
def ask_to_issue(run: BillingRun, *, at: datetime, by: str) -> None:
    """Have all drafts of a run issued; a worker does it, asking again changes nothing.

    Raises:
        NotFinished: contracts of the run still wait for their draft.
    """
    row = BillingRun.objects.select_for_update().get(pk=run.pk)
    if row.finished_at is None:
        raise NotFinished
    has_drafts = drafts_of(row).exists()
    if row.issue_asked_at and (row.issue_ended_at is None or not has_drafts):
        return
    BillingRun.objects.filter(pk=row.pk).update(
        issue_asked_at=at, issue_asked_by=by, issue_ended_at=None
    )
    record(row, "issue_asked", at=at, by=by)
    announce("billing_run.issue_asked", run=row.pk)


def drafts_of(run: BillingRun) -> QuerySet[Invoice]:
    """Return the drafts of a run that are not issued yet, in the order of their contracts."""
    drafts = Invoice.objects.filter(run_items__run=run, state=State.DRAFT)
    return drafts.order_by("pk").distinct()


def issue_all(run: BillingRun, *, at: datetime, by: str) -> dict[str, str]:
    """Issue every draft of the run, each in its own transaction; return refusals by draft."""
    refused: dict[str, str] = {}
    for invoice in drafts_of(run):
        try:
            invoicing.issue(invoice, at=at, by=by)
        except DomainError as error:
            refused[invoice.reference] = str(error)
            RunItem.objects.filter(run=run, invoice=invoice).update(reason=str(error))
    BillingRun.objects.filter(pk=run.pk).exclude(issue_asked_at=None).update(issue_ended_at=at)
    return refused
