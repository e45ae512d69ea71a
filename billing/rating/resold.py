"""Gather what a reseller's customers had and used, at the prices that the provider asks for it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import Max

from billing.rating.models import BilledWindow
from billing.rating.price import charges
from billing.rating.queries import Version, services_at, tariffs_of
from billing.rating.tariffs import Charge, Service, Tariff
from erp.base.errors import DomainError
from erp.base.periods import Period
from erp.catalogue.models import Plan, Price, PriceList
from erp.contracts.models import Contract, ContractLine, LineChange
from erp.contracts.states import ChangeState
from erp.contracts.wholesale import sold_under, wholesale_list

# How many contracts of customers are gathered by one set of statements.
BATCH = 200


class NoWholesalePrice(DomainError):
    """The provider asks no price of the reseller for what its customer has."""

    code = "no_wholesale_price"


@dataclass(frozen=True, slots=True)
class Resold:
    """A customer's contract over the time that its reseller was not billed for yet.

    Args:
        services: each with the time to rate.
        reason: why it cannot be priced, in words; there are no services then.
    """

    contract: Contract
    services: tuple[tuple[Service, Period], ...]
    reason: str = ""

    def charges(self, currency: str) -> list[Charge]:
        """Return what the reseller owes for it.

        Raises:
            NoWholesalePrice: nobody knows.
            NotMeasured: as at retail.
        """
        if self.reason:
            raise NoWholesalePrice(self.reason)
        return [one for rated in self.services for one in charges(*rated, currency)]


def resold_under(
    wholesale: Contract, *, end: datetime, cut_off: datetime
) -> Iterator[list[Resold]]:
    """Return each customer's contract with what it was, at wholesale prices, a batch at a time.

    As many statements for a batch as for one contract.
    """
    windows = _windows(wholesale, end)
    contracts = list(windows)
    listed = {
        start: _list_for(wholesale, Period(start, end))
        for start in {one.start for one in windows.values()}
    }
    for first in range(0, len(contracts), BATCH):
        batch = {one: windows[one] for one in contracts[first : first + BATCH]}
        yield list(_priced(wholesale, listed, batch, cut_off))


def _windows(wholesale: Contract, end: datetime) -> dict[Contract, Period]:
    """Return what is not billed yet, each from the last run that billed the contract."""
    billed = BilledWindow.objects.filter(rated_line__run__contract=wholesale)
    rows = billed.values_list("line__contract").annotate(Max("rated_line__run__ends_at"))
    until = dict(rows.order_by())
    found: dict[Contract, Period] = {}
    contracts = Contract.objects.filter(sold_under(wholesale, until=end))
    for contract in contracts.order_by("pk"):
        start = max(contract.starts_at, until.get(contract.pk, contract.starts_at))
        stop = min(end, contract.ends_at or end)
        if start < stop:
            found[contract] = Period(start, stop)
    return found


def _list_for(wholesale: Contract, window: Period) -> PriceList | None:
    """Return the list that is valid when the window begins, else the first that begins in it."""
    reseller, currency = wholesale.organisation, wholesale.currency
    found = wholesale_list(reseller, currency, window.start)
    if found is not None:
        return found
    later = PriceList.objects.filter(
        organisation=wholesale.seller_id,
        currency=currency,
        starts_at__gte=window.start,
        starts_at__lt=window.end,
    ).order_by("starts_at")
    own = later.filter(buyer=reseller).first()
    return own or later.filter(buyer=None).first()


def _priced(
    wholesale: Contract,
    listed: Mapping[datetime, PriceList | None],
    windows: Mapping[Contract, Period],
    cut_off: datetime,
) -> Iterator[Resold]:
    rows = ContractLine.objects.filter(contract__in=windows).order_by("contract", "position")
    lines = list(rows.select_related("contract", "plan__offer"))
    by_line = {line.pk: windows[line.contract] for line in lines}
    held = {line.pk: _held(line, its, by_line[line.pk]) for line, its in _changes_of(lines)}
    tariffs = _tariffs(listed.values(), {plan for its in held.values() for plan, _, _ in its})
    asked = {line.pk: tariffs.get(listed[by_line[line.pk].start], {}) for line in lines}
    versions = [
        Version(line, quantity, asked[line.pk][plan], part)
        for line in lines
        for plan, quantity, part in held[line.pk]
        if plan in asked[line.pk]
    ]
    services: dict[int, list[tuple[Service, Period]]] = {}
    payer = wholesale.organisation_id
    for service, part in services_at(versions, by_line, cut_off, payer=payer):
        services.setdefault(service.line, []).append((service, part))
    for contract, window in windows.items():
        its = [line for line in lines if line.contract_id == contract.pk]
        missing = {p for one in its for p, _, _ in held[one.pk] if p not in asked[one.pk]}
        reason = _reason(wholesale, listed[window.start], missing) if missing else ""
        named = (
            (replace(service, name=name_of(contract, line)), part)
            for line in its
            for service, part in services.get(line.pk, ())
        )
        yield Resold(contract, () if reason else tuple(named), reason)


def _reason(wholesale: Contract, listed: PriceList | None, missing: Collection[int]) -> str:
    if listed is None:
        seller, currency = wholesale.seller.name, wholesale.currency
        return f"{seller} has no price list in {currency} for this time."
    plans = Plan.objects.filter(pk__in=missing).select_related("offer")
    return f"“{listed.name}” has no price for {', '.join(str(one) for one in plans)}."


Held = tuple[int, Decimal, Period]


def _changes_of(
    lines: Sequence[ContractLine],
) -> Iterator[tuple[ContractLine, list[LineChange]]]:
    """Return each line with the changes of its plan or quantity, the earliest first."""
    found: dict[int, list[LineChange]] = {}
    changes = LineChange.objects.filter(line__in=lines).exclude(state=ChangeState.CANCELLED)
    for change in changes.order_by("effective_at", "pk"):
        found.setdefault(change.line_id, []).append(change)
    for line in lines:
        yield line, found.get(line.pk, [])


def _held(line: ContractLine, changes: Sequence[LineChange], window: Period) -> list[Held]:
    """Return which plan the line had over which part of the window, and how many pieces of it.

    What the provider gave counts, from the moment in which it changed: a customer who pays the
    whole month of an upgrade pays it to the reseller.
    """
    if not changes:
        return [(line.plan_id, line.quantity, window)]
    plan, quantity, start = changes[0].from_plan_id, changes[0].from_quantity, window.start
    found: list[Held] = []
    for change in changes:
        until = min(change.effective_at, window.end)
        if start < until:
            found.append((plan, quantity, Period(start, until)))
        plan, quantity, start = change.to_plan_id, change.to_quantity, max(start, until)
    if start < window.end:
        found.append((plan, quantity, Period(start, window.end)))
    return found


def _tariffs(
    lists: Iterable[PriceList | None], plans: set[int]
) -> dict[PriceList | None, dict[int, tuple[Tariff, ...]]]:
    """Return by list and plan what the provider asks."""
    wanted = {one.pk: one for one in lists if one}
    prices: dict[tuple[int, int], list[Price]] = {}
    for price in Price.objects.filter(price_list__in=wanted, plan__in=plans):
        prices.setdefault((price.price_list_id, price.plan_id), []).append(price)
    found: dict[PriceList | None, dict[int, tuple[Tariff, ...]]] = {}
    for (listed, plan), its in prices.items():
        found.setdefault(wanted[listed], {})[plan] = tariffs_of(its)
    return found


def name_of(contract: Contract, line: ContractLine) -> str:
    """Return what a customer's service is called on the reseller's bill: never by the customer."""
    return f"{contract.reference} {line.name}"
