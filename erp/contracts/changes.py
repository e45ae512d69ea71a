"""Change plan and quantity of a line: up at once, down at the renewal; both shown before.

What is shown and what is stored come from the same function (`outlook`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount
from erp.base.periods import month_of
from erp.catalogue.models import Plan, Price, PriceList, Upgrades
from erp.catalogue.queries import NoPrices, price_list_of, prices_of
from erp.contracts import dated, wholesale
from erp.contracts.budgets import check_budget
from erp.contracts.models import Contract, ContractLine, LineChange, LinePrice
from erp.contracts.queries import committed_minor
from erp.contracts.services import NotInForce, tell
from erp.contracts.states import ChangeState, State
from erp.customers.models import Organisation

# For how long a price that was shown is the price.
SHOWN_FOR = timedelta(minutes=15)


class KeyReused(DomainError):
    """This form was sent before with another wish: open the page again to change more."""

    code = "key_reused"


class NothingChanges(DomainError):
    """This is the plan and the quantity that the service has now."""

    code = "nothing_changes"
    status = 422


class NotOfThisOffer(DomainError):
    """A service keeps its offer: choose one of its plans that is sold now."""

    code = "not_of_this_offer"
    status = 422


class AnotherPlace(DomainError):
    """The plan fixes another place than where the service runs: order it anew."""

    code = "another_place"


class ChangePlanned(DomainError):
    """A change is planned already: cancel it first, or wait for it."""

    code = "change_planned"


class ChangedMeanwhile(DomainError):
    """Somebody changed this service since the price was shown: look at the new price first."""

    code = "changed_meanwhile"


class ShownTooLongAgo(DomainError):
    """This price was shown a while ago: look at the price of now first."""

    code = "shown_too_long_ago"


class OverLimit(DomainError):
    """The change would go beyond what the customer may order: ask the seller."""

    code = "over_limit"


class TooLate(DomainError):
    """The change has taken effect: change back instead."""

    code = "too_late"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a line shall become.

    Args:
        key: names this wish for ever: the same key is the same change.
        seen: what `seen_of` said when the price was shown; empty compares nothing.
        shown_at: when that was: it is billed as it was shown, to the cent.
    """

    key: str
    plan: Plan
    quantity: Decimal
    seen: str = ""
    shown_at: datetime | None = None

    def is_of(self, change: LineChange) -> bool:
        """Return whether the change is of the same wish."""
        return (self.plan.pk, self.quantity) == (change.to_plan_id, change.to_quantity)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a change makes of a line.

    Args:
        effective_at: now for more, the renewal for less.
        base_from: from when the new base price counts.
    """

    line: ContractLine
    plan: Plan
    quantity: Decimal
    upgrades: Upgrades
    effective_at: datetime
    base_from: datetime
    before_minor: int
    after_minor: int
    repriced: dated.Repriced

    @property
    def more_minor(self) -> int:
        """Return what a month costs more."""
        return self.after_minor - self.before_minor

    @property
    def pays_the_month(self) -> bool:
        """Return whether the new base price counts for time that has passed."""
        return self.base_from < self.effective_at


def seen_of(line: ContractLine) -> str:
    """Return what a form remembers of the line, so that nobody agrees to what has moved."""
    last = LineChange.objects.filter(line=line).order_by("-pk").first()
    return f"{line.plan_id}:{line.quantity.normalize():f}:{f'{last}:{last.state}' if last else ''}"


def outlook(line: ContractLine, plan: Plan, quantity: Decimal, *, at: datetime) -> Outlook:
    """Return what another plan or quantity would make of a line; nothing is stored.

    Raises:
        NotInForce: the service does not run.
        NothingChanges, NotOfThisOffer, AnotherPlace, ChangePlanned: see there.
        NoPrices: the seller has no price for the plan now.
    """
    _check(line, plan, quantity)
    contract = line.contract
    prices = list(line.prices.all())
    now = dated.in_force(prices, at)
    price_list = _list_of(contract, at)
    if plan.pk == line.plan_id:
        new = dated.again(now, quantity=quantity)
    else:
        new = dated.of_list(line, _listed(plan, price_list), quantity=quantity)
    before, after = (dated.monthly_minor(some, contract.currency) for some in (now, new))
    month = month_of(at)
    effective_at = at if after >= before else month.end
    upgrades = Upgrades(price_list.upgrades) if price_list else Upgrades.PRORATED
    pays_month = upgrades == Upgrades.FULL_MONTH and after > before
    base_from = max(month.start, min(contract.starts_at, at)) if pays_month else effective_at
    return Outlook(
        line=line,
        plan=plan,
        quantity=quantity,
        upgrades=upgrades,
        effective_at=effective_at,
        base_from=base_from,
        before_minor=before,
        after_minor=after,
        repriced=dated.repriced(prices, new, at=effective_at, base_from=base_from),
    )


def _check(line: ContractLine, plan: Plan, quantity: Decimal) -> None:
    if line.contract.state != State.ACTIVE:
        raise NotInForce(f"{line.name} is {line.contract.state}: only a running service changes.")
    if (plan.pk, quantity) == (line.plan_id, line.quantity):
        raise NothingChanges
    is_other = plan.pk != line.plan_id
    if plan.offer_id != line.plan.offer_id or (is_other and not plan.offer.is_open):
        raise NotOfThisOffer
    if is_other and not plan.sla.items() <= line.sla.items():
        raise AnotherPlace
    planned = planned_of(line)
    if planned:
        raise ChangePlanned(
            f"{planned.to_plan} is planned from {planned.effective_at:%Y-%m-%d}: "
            "cancel that first, or wait for it."
        )


def planned_of(line: ContractLine) -> LineChange | None:
    """Return the change that waits for the renewal, if there is one."""
    waiting = line.changes.filter(state=ChangeState.PLANNED)
    return waiting.select_related("to_plan__offer", "line").first()


def _list_of(contract: Contract, at: datetime) -> PriceList | None:
    try:
        return price_list_of(contract.seller, contract.currency, at, buyer=contract.organisation)
    except NoPrices:
        return None


def _listed(plan: Plan, price_list: PriceList | None) -> list[Price]:
    prices = prices_of(plan, price_list) if price_list else []
    if not prices:
        raise NoPrices(f"The seller has no price for {plan} now.")
    return prices


@transaction.atomic
def change(line: ContractLine, wish: Wish, *, at: datetime, by: str) -> LineChange:
    """Change plan or quantity: now when it costs more, at the renewal when it costs less.

    The same key again returns the same change. Changes and orders of one buyer take turns.

    Raises:
        KeyReused: the key names another wish.
        ChangedMeanwhile, ShownTooLongAgo: it is not what was seen.
        ResellerAtLimit: the seller's own credit does not take it.
        OverLimit, OverBudget: it costs more than the credit limit or a hard budget leaves.
        NotInForce, NothingChanges, NotOfThisOffer, AnotherPlace, ChangePlanned, NoPrices: see
            `outlook`.
    """
    buyer = Organisation.objects.select_for_update(no_key=True).get(pk=line.organisation_id)
    contracts = Contract.objects.select_for_update(of=("self",)).select_related(
        "seller", "organisation"
    )
    contract = contracts.get(pk=line.contract_id)
    row = ContractLine.objects.select_related("plan__offer").get(pk=line.pk)
    row.contract = contract
    known = LineChange.objects.filter(line=row, idempotency_key=wish.key).first()
    if known:
        if not wish.is_of(known):
            raise KeyReused
        return known
    if wish.seen and wish.seen != seen_of(row):
        raise ChangedMeanwhile
    found = outlook(row, wish.plan, wish.quantity, at=_moment(wish, at))
    _check_limit(buyer, found, at)
    made = _keep(found, wish, at=at, by=by)
    _store(found.repriced)
    if found.effective_at <= at:
        _take_effect(made, at=at, by=by)
        if found.more_minor > 0:
            wholesale.check_limit(contract, at=at)
    else:
        record(contract, "change_planned", at=at, by=by, **_details(made))
        tell(contract, "change_planned", at=at)
    return made


def _moment(wish: Wish, at: datetime) -> datetime:
    """Return the moment for which the price was shown, if that is not long ago."""
    shown = wish.shown_at or at
    if not at - SHOWN_FOR <= shown <= at or month_of(shown) != month_of(at):
        raise ShownTooLongAgo
    return shown


def _check_limit(buyer: Organisation, found: Outlook, at: datetime) -> None:
    limit, contract = buyer.credit_limit_minor, found.line.contract
    if found.more_minor <= 0:
        return
    check_budget(buyer, found.more_minor, contract.currency, at=at, contract=contract)
    if limit is None:
        return
    after = committed_minor(buyer, contract.currency, at=at) + found.more_minor
    if after > limit:
        over, most = (Amount(minor, contract.currency) for minor in (after, limit))
        raise OverLimit(f"{buyer.name} may owe {most} a month, and this makes it {over}.")


def _keep(found: Outlook, wish: Wish, *, at: datetime, by: str) -> LineChange:
    return LineChange.objects.create(
        organisation_id=found.line.organisation_id,
        line=found.line,
        idempotency_key=wish.key,
        from_plan_id=found.line.plan_id,
        to_plan=found.plan,
        from_quantity=found.line.quantity,
        to_quantity=found.quantity,
        upgrades=found.upgrades,
        effective_at=found.effective_at,
        base_from=found.base_from,
        monthly_before_minor=found.before_minor,
        monthly_after_minor=found.after_minor,
        asked_at=at,
        asked_by=by,
        state=ChangeState.PLANNED,
        state_since=at,
    )


def _store(found: dated.Repriced) -> None:
    LinePrice.objects.filter(pk__in=[price.pk for price in found.removed]).delete()
    for price in found.cut:
        LinePrice.objects.filter(pk=price.pk).update(ends_at=price.ends_at)
    LinePrice.objects.bulk_create(found.added)


def _take_effect(made: LineChange, *, at: datetime, by: str) -> None:
    """Make the line what was asked for; what runs follows the contract."""
    line = made.line
    move(made, ChangeState.APPLIED, at=at, by=by)
    also = _of_plan(made) if made.to_plan_id != made.from_plan_id else {}
    ContractLine.objects.filter(pk=line.pk).update(quantity=made.to_quantity, **also)
    record(line.contract, "resized", at=at, by=by, **_details(made))
    tell(line.contract, "resized", at=at)


def _of_plan(made: LineChange) -> dict[str, Any]:
    """Return what a line takes from its plan; a backup agreed for itself stays."""
    plan = made.to_plan
    found = {"plan": plan, "limits": plan.limits, "service_level": plan.service_level}
    is_usual = made.line.backup == made.from_plan.backup
    return found | ({"backup": plan.backup} if is_usual else {})


def _details(made: LineChange) -> dict[str, str]:
    return {
        "before": f"{made.from_plan}, {made.from_quantity.normalize():f}",
        "after": f"{made.to_plan}, {made.to_quantity.normalize():f}",
        "from": made.effective_at.isoformat(),
    }


@transaction.atomic
def apply(made: LineChange, *, at: datetime, by: str) -> None:
    """Let a planned change take effect when its time has come; again, it changes nothing.

    What ended meanwhile has nothing left to change.
    """
    row = _locked(made)
    if row.state != ChangeState.PLANNED or row.effective_at > at:
        return
    if row.line.contract.state == State.ENDED:
        move(row, ChangeState.CANCELLED, at=at, by=by, why="the service has ended")
    else:
        _take_effect(row, at=at, by=by)


@transaction.atomic
def cancel(made: LineChange, *, at: datetime, by: str) -> None:
    """Take back a planned change: the prices go on as they were.

    Raises:
        TooLate: it has taken effect.
    """
    row = _locked(made)
    if row.state == ChangeState.CANCELLED:
        return
    if row.state != ChangeState.PLANNED or row.effective_at <= at:
        raise TooLate
    move(row, ChangeState.CANCELLED, at=at, by=by, why="cancelled before the renewal")
    prices = LinePrice.objects.filter(line=row.line_id)
    prices.filter(starts_at=row.effective_at).delete()
    prices.filter(ends_at=row.effective_at).update(ends_at=None)
    record(row.line.contract, "change_cancelled", at=at, by=by, **_details(row))
    tell(row.line.contract, "change_cancelled", at=at)


def _locked(made: LineChange) -> LineChange:
    """Return the change with its contract locked, as it is now."""
    Contract.objects.select_for_update().get(pk=made.line.contract_id)
    found = LineChange.objects.select_related(
        "line__contract__organisation", "from_plan__offer", "to_plan__offer"
    )
    return found.get(pk=made.pk)
