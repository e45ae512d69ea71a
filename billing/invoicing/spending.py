"""What a month costs a customer so far: what is invoiced for it, and what the engine would bill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Sum, When

from billing.invoicing.models import InvoiceLine
from billing.invoicing.states import Kind
from billing.rating import services as rating
from billing.rating.queries import windows_of
from erp.base.money import Amount
from erp.base.periods import Period, month_of
from erp.contracts.models import Budget, Contract
from erp.contracts.states import State
from erp.outbox.letters import address
from erp.outbox.services import Letter, emit, post
from erp.outbox.states import Topic


@dataclass(frozen=True, slots=True)
class Spent:
    """What some services cost in a month so far, without tax.

    Args:
        left_out: services that nobody can price yet.
    """

    month: Period
    minor: int
    left_out: int = 0


def contracts_of(budget: Budget) -> QuerySet[Contract]:
    """Return the services that a budget is about."""
    found = Contract.objects.filter(organisation=budget.organisation_id, currency=budget.currency)
    found = found.exclude(state=State.DRAFT)
    return found.filter(pk=budget.contract_id) if budget.contract_id else found


def spent(contracts: Sequence[Contract], *, at: datetime) -> Spent:
    """Return what services of one currency cost this month; as many statements for any number."""
    month = month_of(at)
    minor = _invoiced(contracts, month)
    left_out = 0
    # What is not billed of months before is not of this one.
    unbilled = windows_of(contracts, at).items()
    windows = {key: part for key, window in unbilled if (part := window.overlap(month))}
    for priced in rating.price_all(
        [one for one in contracts if one.pk in windows], windows, cut_off=at
    ).values():
        if isinstance(priced, Exception):
            left_out += 1
        else:
            minor += sum(one.minor for one in priced if one.window.overlap(month))
    return Spent(month, minor, left_out)


def _invoiced(contracts: Sequence[Contract], month: Period) -> int:
    lines = InvoiceLine.objects.filter(
        Q(starts_at__lt=month.end, ends_at__gt=month.start), invoice__contract__in=contracts
    ).exclude(invoice__number="")
    signed = Case(
        When(invoice__kind=Kind.CREDIT_NOTE, then=-F("net_minor")),
        default=F("net_minor"),
        output_field=BigIntegerField(),
    )
    return int(lines.aggregate(total=Sum(signed))["total"] or 0)


@transaction.atomic
def watch(budget: Budget, *, at: datetime) -> list[int]:
    """Tell of every percentage that the month's cost has reached, once a month; return them.

    The outbox has one message per key, so that watching again tells nothing twice.
    """
    found = spent(list(contracts_of(budget)), at=at)
    Budget.objects.filter(pk=budget.pk).update(watched_at=at)
    reached = [one for one in budget.alerts if found.minor * 100 >= one * budget.monthly_minor]
    for percent in reached:
        _tell(budget, percent, found, at=at)
    return reached


def _tell(budget: Budget, percent: int, found: Spent, *, at: datetime) -> None:
    # Another amount is another budget: it tells anew.
    key = f"{budget.reference}:{found.month.start:%Y-%m}:{budget.monthly_minor}:{percent}"
    facts = _facts(budget, percent, found)
    letter = Letter(
        key=f"budget:{key}",
        topic=Topic.INVOICES,
        template="budget_reached",
        facts=facts,
        about=budget,
    )
    post(budget.organisation, letter, at=at)
    data = {
        "budget": budget.reference,
        "percent": percent,
        "spent_minor": found.minor,
        "monthly_minor": budget.monthly_minor,
        "currency": budget.currency,
        "service": budget.contract.reference if budget.contract else None,
        "url": facts["link"],
    }
    emit(budget.organisation, "budget.reached", data, key=key, at=at)


def _facts(budget: Budget, percent: int, found: Spent) -> Mapping[str, str]:
    contract, buyer = budget.contract, budget.organisation
    place = (
        f"/services/{contract.reference}/budget"
        if contract
        else f"/services/budget/{buyer.reference}"
    )
    return {
        "percent": str(percent),
        "of": contract.name if contract else buyer.name,
        "spent": str(Amount(found.minor, budget.currency)),
        "budget": str(Amount(budget.monthly_minor, budget.currency)),
        "link": address(place),
    }
