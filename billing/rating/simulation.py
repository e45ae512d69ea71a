"""What would real usage have cost at other prices: the billing engine itself, nothing stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Q, QuerySet

from billing.rating import queries
from billing.rating.price import charges
from billing.rating.queries import versions_of
from billing.rating.tariffs import Service
from erp.base.errors import DomainError
from erp.base.periods import Period
from erp.catalogue.models import Plan, Price, PriceKind, PriceList
from erp.catalogue.queries import price_list_of
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State

Rated = tuple[Service, Period]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A contract line over a period as it was agreed and at other prices, in minor units.

    Set-ups are left out: they are paid once, whatever changes. Without one of the two amounts the
    reason says why.
    """

    line: ContractLine
    plan: Plan
    agreed_minor: int | None
    other_minor: int | None
    reason: str = ""

    @property
    def difference_minor(self) -> int | None:
        """Return what more it would have cost."""
        if self.agreed_minor is None or self.other_minor is None:
            return None
        return self.other_minor - self.agreed_minor


def lines_of(price_list: PriceList, period: Period) -> QuerySet[ContractLine]:
    """Return the lines of the seller's contracts in this currency that were in force."""
    in_force = Q(contract__ends_at=None) | Q(contract__ends_at__gt=period.start)
    sold = ContractLine.objects.filter(
        in_force,
        contract__seller=price_list.organisation_id,
        contract__currency=price_list.currency,
        contract__starts_at__lt=period.end,
    ).exclude(contract__state=State.DRAFT)
    if price_list.buyer_id:
        sold = sold.filter(organisation=price_list.buyer_id)
    return sold.select_related("contract", "organisation", "plan__offer").order_by("pk")


def at_list(
    price_list: PriceList, lines: Sequence[ContractLine], period: Period, cut_off: datetime
) -> list[Simulated]:
    """Return what the lines would have cost at the prices of a list."""
    wanted = [(line, line.plan) for line in lines]
    return _simulated(wanted, price_list, period, cut_off)


def at_plans(line: ContractLine, period: Period, cut_off: datetime) -> list[Simulated]:
    """Return what a line would have cost on each plan of its offer, at its seller's prices now.

    Raises:
        NoPrices: the seller has no valid list.
    """
    contract = line.contract
    price_list = price_list_of(
        contract.seller, contract.currency, cut_off, buyer=contract.organisation
    )
    plans = Plan.objects.filter(offer=line.plan.offer_id, prices__price_list=price_list).distinct()
    wanted = [(line, plan) for plan in plans.select_related("offer")]
    return _simulated(wanted, price_list, period, cut_off)


def _simulated(
    wanted: Sequence[tuple[ContractLine, Plan]],
    price_list: PriceList,
    period: Period,
    cut_off: datetime,
) -> list[Simulated]:
    listed: dict[int, list[Price]] = {}
    for price in Price.objects.filter(price_list=price_list, plan__in=[p.pk for _, p in wanted]):
        listed.setdefault(price.plan_id, []).append(price)
    lines = list({line.pk: line for line, _ in wanted}.values())
    agreed = [one for line in lines for one in versions_of(line, line.prices.all(), period)]
    now = _services(agreed, period, cut_off)
    # One line may be asked about on several plans: each plan is gathered by itself.
    other: dict[tuple[int, int], list[Rated]] = {}
    for plan, prices in listed.items():
        its = [line for line, asked in wanted if asked.pk == plan]
        versions = [one for line in its for one in _as_listed(line, prices, period)]
        found = _services(versions, period, cut_off)
        other |= {(line, plan): services for line, services in found.items()}
    return [
        _one(line, plan, now.get(line.pk, []), other.get((line.pk, plan.pk)))
        for line, plan in wanted
    ]


def _as_listed(
    line: ContractLine, prices: Sequence[Price], period: Period
) -> list[queries.Version]:
    """Return what a line would have been at listed prices: as many pieces as it had, and when."""
    tariffs = queries.tariffs_of(prices)
    return [
        queries.Version(line, quantity, tariffs, part)
        for part, quantity in _quantities(line, period)
    ]


def _quantities(line: ContractLine, period: Period) -> list[tuple[Period, Decimal]]:
    """Return how many pieces the line was over the parts of the period, by its base price."""
    prices = sorted(line.prices.all(), key=lambda one: one.kind != PriceKind.RECURRING)
    dated = [one for one in prices if (one.kind, one.meter) == (prices[0].kind, prices[0].meter)]
    found = [(part, one.quantity) for one in dated if (part := one.within(period))]
    return sorted(found) or [(period, line.quantity)]


def _services(
    versions: Sequence[queries.Version], period: Period, cut_off: datetime
) -> dict[int, list[Rated]]:
    found: dict[int, list[Rated]] = {}
    windows = {one.line.pk: period for one in versions}
    for service, part in queries.services_at(versions, windows, cut_off):
        found.setdefault(service.line, []).append((replace(service, setup_due=False), part))
    return found


def _one(
    line: ContractLine, plan: Plan, now: Sequence[Rated], other: Sequence[Rated] | None
) -> Simulated:
    agreed_minor, reason = _minor(now, line.contract)
    if other is None:
        return Simulated(line, plan, agreed_minor, None, f"The list has no price for {plan}.")
    other_minor, other_reason = _minor(other, line.contract)
    return Simulated(line, plan, agreed_minor, other_minor, reason or other_reason)


def _minor(services: Sequence[Rated], contract: Contract) -> tuple[int | None, str]:
    try:
        found = [one for rated in services for one in charges(*rated, contract.currency)]
    except DomainError as refusal:
        return None, str(refusal)
    return sum(one.minor for one in found), ""
