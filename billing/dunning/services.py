"""Keep the policy, hold it, take its steps once each, and lift what it stopped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.dunning import notices, queries
from billing.dunning.models import Action, DunningAct, DunningHold, DunningStep, HoldKind
from billing.dunning.plan import Late, Step, day_of, due, next_step
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger.services import day_in
from billing.payments import fees
from billing.payments.models import FeeKind
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.contracts import services as contracts
from erp.contracts.models import Contract
from erp.contracts.states import State as Contracted
from erp.customers.models import Organisation
from erp.tickets.models import Ticket

MOST_STEPS = 12
# From the step that stops a service to the one that ends it: its mail names the day.
FEWEST_DAYS_TO_END = 7
BY = "dunning"


class BadPolicy(DomainError):
    """These steps make no policy."""

    code = "bad_policy"
    status = 422


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step as somebody wants it."""

    days: int
    action: Action
    fee_minor: int = 0


@transaction.atomic
def set_policy(issuer: Organisation, wanted: Sequence[Wanted], *, at: datetime, by: str) -> None:
    """Replace the policy of a seller; what was done by the old one stays done.

    Steps keep their position by rank: an invoice that took two steps goes on with the third.

    Raises:
        BadPolicy: says what is wrong with which step.
    """
    steps = sorted(wanted, key=lambda one: one.days)
    _check(steps)
    Organisation.objects.select_for_update().get(pk=issuer.pk)
    DunningStep.objects.filter(organisation=issuer).delete()
    DunningStep.objects.bulk_create(
        DunningStep(
            organisation=issuer, position=rank, days=one.days, action=one.action,
            fee_minor=one.fee_minor,
        )
        for rank, one in enumerate(steps, 1)
    )  # fmt: skip
    told = [{"days": one.days, "action": one.action, "fee": one.fee_minor} for one in steps]
    record(issuer, "dunning_policy", at=at, by=by, steps=told)


def _check(steps: Sequence[Wanted]) -> None:
    if len(steps) > MOST_STEPS:
        raise BadPolicy(f"At most {MOST_STEPS} steps.")
    days = [one.days for one in steps]
    if len(set(days)) < len(days) or any(not 1 <= day <= 365 for day in days):
        raise BadPolicy("Each step has a day of its own, 1 to 365 after the due date.")
    said: set[str] = set()
    stopped_on = 0
    for one in steps:
        if one.action == Action.SUSPEND and Action.WARN not in said:
            raise BadPolicy(f"Day {one.days}: a service is suspended only after a warning.")
        if one.action == Action.END and (
            Action.SUSPEND not in said or one.days - stopped_on < FEWEST_DAYS_TO_END
        ):
            raise BadPolicy(
                f"Day {one.days}: a service is ended {FEWEST_DAYS_TO_END} days or more after it "
                "was suspended, so that the mail can say so."
            )
        stopped_on = one.days if one.action == Action.SUSPEND else stopped_on
        said.add(one.action)


@dataclass(frozen=True, slots=True)
class Pause:
    """A dispute, a promise or an exception, as somebody wants it."""

    kind: HoldKind
    why: str
    until_on: date | None = None
    invoice: Invoice | None = None
    ticket: Ticket | None = None


@transaction.atomic
def hold(
    issuer: Organisation, customer: Organisation, pause: Pause, *, at: datetime, by: str
) -> DunningHold:
    """Let nothing happen to a customer, or about one invoice, for a while."""
    made = DunningHold.objects.create(
        organisation=customer,
        issuer=issuer,
        invoice=pause.invoice,
        ticket=pause.ticket,
        kind=pause.kind,
        until_on=pause.until_on,
        why=pause.why[:200],
        made_at=at,
        made_by=by,
    )
    record(customer, "dunning_held", at=at, by=by, why=str(made))
    return made


@transaction.atomic
def end_hold(held: DunningHold, *, at: datetime, by: str) -> None:
    """Let the policy go on; ending it again changes nothing."""
    standing = DunningHold.objects.filter(pk=held.pk, ended_at=None)
    if standing.update(ended_at=at, ended_by=by):
        record(held.organisation, "dunning_goes_on", at=at, by=by, why=str(held))


def hold_for_debit(
    issuer: Organisation, invoices: Sequence[Invoice], why: str, until_on: date, *,
    at: datetime, by: str,
) -> None:  # fmt: skip
    """Remind nobody of what is being debited, up to its day; the file itself is in the journal."""
    DunningHold.objects.bulk_create(
        DunningHold(
            organisation_id=one.organisation_id, issuer=issuer, invoice=one, kind=HoldKind.DEBIT,
            until_on=until_on, why=why, made_at=at, made_by=by,
        )
        for one in invoices
    )  # fmt: skip


def end_debit_holds(
    issuer: Organisation, invoices: Collection[int], *, at: datetime, by: str
) -> None:
    """Let reminders go on: these are not being debited any more."""
    standing = DunningHold.objects.filter(issuer=issuer, invoice__in=invoices, ended_at=None)
    standing.filter(kind=HoldKind.DEBIT).update(ended_at=at, ended_by=by)


@transaction.atomic
def take_step(invoice: Invoice, *, at: datetime) -> DunningAct | None:
    """Take the step that is due about an invoice now, if one is; twice takes it once.

    Everything is looked at again under the lock of the invoice: it may be paid or held since.
    """
    rows = Invoice.objects.select_for_update(of=("self",)).filter(pk=invoice.pk)
    row = rows.select_related("organisation", "issuer", "contract", "document").get()
    if row.state != State.ISSUED:
        return None
    on = day_in(row.issuer, at)
    steps = queries.steps_of(row.issuer)
    (facts,) = queries.late([row], list(queries.standing_holds(row.issuer)))
    step = due(facts, steps, on)
    if step is None:
        return None
    act = _done(row, step, on, at=at)
    if act.fee_minor:
        key = f"dunning:{row.reference}:{act.position}"
        fees.claim(row, fees.Claim(key, FeeKind.REMINDER, act.fee_minor), at=at, by=BY)
    _carry_out(act, at=at)
    rest = Late(row.pk, facts.due_on, {**facts.done, step.position: on})
    following = next_step(rest, steps)
    notices.step_taken(
        act,
        next_action=following.action if following else "",
        next_on=day_of(rest, following, steps) if following else None,
        at=at,
    )
    return act


def _done(invoice: Invoice, step: Step, on: date, *, at: datetime) -> DunningAct:
    row = DunningStep.objects.get(organisation=invoice.issuer, position=step.position)
    made = DunningAct.objects.create(
        organisation=invoice.organisation,
        issuer=invoice.issuer,
        invoice=invoice,
        contract=invoice.contract,
        position=step.position,
        days=step.days,
        action=step.action,
        fee_minor=row.fee_minor,
        done_on=on,
        done_at=at,
    )
    record(invoice, f"dunning_{step.action}", at=at, by=BY, days=step.days)
    return made


def _carry_out(act: DunningAct, *, at: datetime) -> None:
    """Stop or end the contract; one that is stopped or over already stays as it is."""
    contract = Contract.objects.select_for_update(of=("self",)).get(pk=act.contract_id)
    why = f"invoice {act.invoice.number} is not paid"
    if act.action == Action.SUSPEND and contract.state == Contracted.ACTIVE:
        contracts.suspend(contract, at=at, by=BY, why=why)
        DunningAct.objects.filter(pk=act.pk).update(suspended_at=at)
    elif act.action == Action.END and contract.state in (Contracted.ACTIVE, Contracted.SUSPENDED):
        contracts.end(contract, at=at, by=BY, why=why)


@transaction.atomic
def lift(act: DunningAct, *, at: datetime) -> bool:
    """Let a service run again whose invoice is no longer open; return whether it does.

    It stays stopped while another invoice of it was not paid after its own suspension, and when
    somebody else stopped it since.
    """
    contract = Contract.objects.select_for_update(of=("self",)).get(pk=act.contract_id)
    row = queries.to_lift().filter(pk=act.pk).first()
    if row is None:
        return False
    DunningAct.objects.filter(pk=row.pk).update(lifted_at=at)
    is_ours = contract.state == Contracted.SUSPENDED and contract.state_since == row.suspended_at
    if not is_ours:
        return False
    others = Invoice.objects.filter(contract=contract, state=State.ISSUED)
    other = others.filter(dunning_acts__action=Action.SUSPEND).order_by("pk").first()
    if other:
        # From now on that invoice holds it: the act of the other takes over.
        acts = DunningAct.objects.filter(invoice=other, action=Action.SUSPEND)
        acts.update(suspended_at=row.suspended_at, lifted_at=None)
        return False
    contracts.resume(contract, at=at, by=BY, why=f"invoice {row.invoice.number} is settled")
    notices.lifted(row, at=at)
    return True


def usual() -> list[Wanted]:
    """Return the policy that a seller may begin with."""
    return [
        Wanted(5, Action.REMIND),
        Wanted(14, Action.WARN),
        Wanted(21, Action.SUSPEND),
    ]
