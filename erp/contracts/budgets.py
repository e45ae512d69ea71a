"""Budgets: what a customer or a service may cost in a month, set by the customer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import Amount
from erp.contracts.models import Budget, Contract
from erp.contracts.queries import committed_minor, committed_of
from erp.customers.models import Organisation


class OverBudget(DomainError):
    """This would go beyond the budget that you set: raise it first."""

    code = "over_budget"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A budget as somebody sets it; without an amount there is none."""

    monthly_minor: int | None
    alerts: Sequence[int] = (80, 100)
    is_hard: bool = False


@transaction.atomic
def set_budget(
    buyer: Organisation, wanted: Wanted, *, contract: Contract | None, at: datetime, by: str
) -> Budget | None:
    """Set or remove the budget of a customer or of one of its services; again changes nothing."""
    Organisation.objects.select_for_update(no_key=True).get(pk=buyer.pk)
    known = Budget.objects.filter(organisation=buyer, contract=contract).first()
    if wanted.monthly_minor is None:
        if known:
            record(known, "removed", at=at, by=by, before=known.monthly_minor)
            known.delete()
        return None
    alerts = sorted(set(wanted.alerts))
    facts: dict[str, Any] = {
        "monthly_minor": wanted.monthly_minor,
        "alerts": alerts,
        "is_hard": wanted.is_hard,
    }
    if known and all(getattr(known, name) == value for name, value in facts.items()):
        return known
    made, _ = Budget.objects.update_or_create(
        organisation=buyer,
        contract=contract,
        defaults=facts
        | {"currency": contract.currency if contract else buyer.currency}
        | {"set_at": at, "set_by": by, "watched_at": None},
    )
    record(made, "set", at=at, by=by, **facts)
    return made


def check_budget(
    buyer: Organisation,
    more_minor: int,
    currency: str,
    *,
    at: datetime,
    contract: Contract | None = None,
) -> None:
    """Refuse what goes beyond a hard budget; the caller holds the buyer's row.

    Args:
        contract: whose price rises; its own budget counts too.

    Raises:
        OverBudget: names the budget and what it would become.
    """
    hard = Budget.objects.filter(organisation=buyer, currency=currency, is_hard=True)
    for budget in hard.filter(contract=None):
        _check(budget, committed_minor(buyer, currency, at=at) + more_minor)
    for budget in hard.filter(contract=contract) if contract else ():
        its = Contract.objects.filter(budget=budget)
        _check(budget, committed_of(its, currency, at=at) + more_minor)


def _check(budget: Budget, after: int) -> None:
    if after > budget.monthly_minor:
        most, would = (Amount(minor, budget.currency) for minor in (budget.monthly_minor, after))
        whose = "of this service" if budget.contract_id else "of all services"
        raise OverBudget(
            f"The budget {whose} is {most} a month, and this makes it {would}: raise it first."
        )
