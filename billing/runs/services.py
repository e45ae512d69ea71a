"""Open a billing run, work through its contracts, issue its drafts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing.invoicing import drafting, issuing
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.rating import services as rating
from billing.rating.queries import windows_of
from billing.runs import wholesale
from billing.runs.models import BillingRun, Outcome, RunItem
from erp.base.errors import DomainError
from erp.base.inserts import insert
from erp.base.journal import record
from erp.base.nudges import announce
from erp.base.periods import Period
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from erp.customers.models import Organisation

log = logging.getLogger(__name__)
# Contracts or drafts per transaction: as many statements for all of them as for one.
BATCH = 250


class NotOver(DomainError):
    """The period ends in the future: bill what has happened."""

    code = "not_over"


class NotFinished(DomainError):
    """The run still makes drafts: issue them when it is finished."""

    code = "not_finished"


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made of one contract."""

    outcome: Outcome
    reason: str
    invoice: Invoice | None = None


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
    """Draft or park every contract that the run has not looked at, a batch per transaction.

    Several workers may do it at once: each takes what no other holds. The last one to find nothing
    left says that the run is finished.
    """
    resold = wholesale.prepare(run, at=at)
    last = 0
    while True:
        with transaction.atomic():
            batch = list(_claimed(run, after=last))
            # Somebody may have done with some of them just before they were locked.
            done = set(run.items.filter(contract__in=batch).values_list("contract_id", flat=True))
            take(run, [one for one in batch if one.pk not in done], at=at, by=by)
        if batch:
            last = batch[-1].pk
        elif last:
            last = 0  # Once more from the start: somebody may have given up what they held.
        else:
            break
    if not waiting(run).exists():
        wholesale.pass_on(run, resold, at=at, by=by)
        BillingRun.objects.filter(pk=run.pk, finished_at=None).update(finished_at=at)
    run.refresh_from_db(fields=["finished_at"])


def _claimed(run: BillingRun, *, after: int) -> QuerySet[Contract]:
    """Return the next contracts of a run that nobody else works on, held until the commit."""
    rows = waiting(run).filter(pk__gt=after).order_by("pk")
    return rows.select_for_update(of=("self",), skip_locked=True)[:BATCH]


def waiting(run: BillingRun) -> QuerySet[Contract]:
    """Return the seller's contracts with activity up to the run's end, without those it has."""
    sold = Contract.objects.filter(seller_id=run.organisation_id, starts_at__lt=run.ends_at)
    done = RunItem.objects.filter(run=run, contract=OuterRef("pk"))
    return (
        sold.exclude(state=Contracted.DRAFT)
        .filter(~Exists(done))
        .prefetch_related("organisation", "seller")
    )


def take(run: BillingRun, contracts: Sequence[Contract], *, at: datetime, by: str) -> None:
    """Rate and draft contracts, or park them with the reason; none stops the others.

    The caller holds them. What only the database refuses says not which of them it is about: then
    they are taken one by one.
    """
    if not contracts:
        return
    try:
        with transaction.atomic():
            made = _bill(run, contracts, at=at, by=by)
    except Exception as error:
        if len(contracts) > 1:
            for one in contracts:
                take(run, [one], at=at, by=by)
            return
        made = {contracts[0].pk: _parked(contracts[0], error)}
    insert(
        RunItem(
            organisation_id=one.organisation_id,
            run=run,
            contract=one,
            outcome=made[one.pk].outcome,
            reason=made[one.pk].reason,
            invoice=made[one.pk].invoice,
        )
        for one in contracts
    )


def _bill(
    run: BillingRun, contracts: Sequence[Contract], *, at: datetime, by: str
) -> dict[int, Made]:
    """Return what became of each contract, with as many statements as for one."""
    made = _drafted_before(contracts)
    rest = [one for one in contracts if one.pk not in made]
    windows = windows_of(rest, run.ends_at)
    rated = rating.rate_all(rest, windows, cut_off=run.cut_off_at, at=at)
    good: dict[int, rating.Rated] = {}
    for one in rest:
        found = rated.get(one.pk)
        if found is None:
            made[one.pk] = Made(Outcome.NOTHING, "billed already, or not in force")
        elif isinstance(found, Exception):
            made[one.pk] = _parked(one, found)
        elif not found.lines:
            made[one.pk] = Made(Outcome.NOTHING, "nothing existed and nothing was used")
        else:
            good[one.pk] = found
    drafts = drafting.draft_all(good, at=at)
    for one in rest:
        draft = drafts.get(one.pk)
        if isinstance(draft, Exception):
            made[one.pk] = _parked(one, draft)
            del good[one.pk]
        elif draft:
            made[one.pk] = Made(Outcome.DRAFTED, "", draft.invoice)
    rating.keep(good.values())
    kept = [one for one in drafts.values() if isinstance(one, drafting.Draft)]
    drafting.keep(kept, at=at, by=by)
    return made


def _drafted_before(contracts: Sequence[Contract]) -> dict[int, Made]:
    drafts = Invoice.objects.filter(contract__in=contracts, state=State.DRAFT)
    return {
        one.contract_id: Made(Outcome.DRAFTED, "drafted by an earlier run", one)
        for one in drafts.order_by("pk")
    }


def _parked(contract: Contract, error: Exception) -> Made:
    if isinstance(error, DomainError):
        return Made(Outcome.PARKED, str(error))
    log.error("contract %s is parked", contract, exc_info=error)
    return Made(Outcome.PARKED, f"fault: {type(error).__name__}")


@transaction.atomic
def retry(item: RunItem, *, at: datetime, by: str) -> RunItem:
    """Look at a parked contract again, with the same cut-off; a draft or another reason results."""
    row = RunItem.objects.select_for_update(of=("self",)).filter(pk=item.pk).first()
    if row is None:  # Somebody else looked again just now.
        return RunItem.objects.get(run=item.run_id, contract=item.contract_id)
    if row.outcome == Outcome.DRAFTED:
        return row
    run = row.run
    row.delete()
    held = Contract.objects.filter(pk=row.contract_id).select_for_update(of=("self",))
    take(run, list(held.prefetch_related("organisation", "seller")), at=at, by=by)
    return RunItem.objects.get(run=run, contract=row.contract_id)


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
    mine = RunItem.objects.filter(run=run, invoice=OuterRef("pk"))
    return Invoice.objects.filter(Exists(mine), state=State.DRAFT).order_by("contract_id")


def issue_all(run: BillingRun, *, at: datetime, by: str) -> dict[str, str]:
    """Issue every draft of the run, a batch per transaction; return refusals by draft.

    Several workers may do it at once, as with `work_through`.
    """
    refused: dict[str, str] = {}
    last = 0
    while True:
        with transaction.atomic():
            drafts = drafts_of(run).filter(contract__gt=last)
            batch = list(issuing.locked(drafts, skip=True)[:BATCH])
            for one, refusal in _issue(batch, at=at, by=by).items():
                refused[one.reference] = str(refusal)
                RunItem.objects.filter(run=run, invoice=one).update(reason=str(refusal))
        if not batch:
            break
        last = batch[-1].contract_id
    if not drafts_of(run).exclude(reference__in=refused).exists():
        BillingRun.objects.filter(pk=run.pk).exclude(issue_asked_at=None).update(issue_ended_at=at)
    return refused


def _issue(drafts: Sequence[Invoice], *, at: datetime, by: str) -> dict[Invoice, DomainError]:
    """Issue drafts; when something refuses them all, each by itself."""
    if not drafts:
        return {}
    by_key = {one.pk: one for one in drafts}
    try:
        with transaction.atomic():
            refused = issuing.issue_all(drafts, at=at, by=by)
    except DomainError as refusal:
        if len(drafts) == 1:
            return {drafts[0]: refusal}
        return {
            one: found for draft in drafts for one, found in _issue([draft], at=at, by=by).items()
        }
    return {by_key[key]: refusal for key, refusal in refused.items()}
