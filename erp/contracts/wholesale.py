"""What a reseller owes its provider for its customers: the contract for it, and the credit limit.

The limit of a reseller is checked inside the transaction in which its customer orders, with the
row of the reseller locked after that of the buyer: always upward, so that nobody waits in a circle.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from erp.base import scope
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import Amount, charge
from erp.base.periods import Period, add_months
from erp.catalogue.models import Price, PriceKind, PriceList
from erp.catalogue.queries import NoPrices, price_list_of
from erp.contracts import dated
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.contracts.queries import committed_minor, first_month_minor, used_minor
from erp.contracts.states import State
from erp.customers.models import Organisation
from erp.customers.states import Kind
from erp.orders.models import Order

NAME = "Wholesale"
_RUNNING = (State.ACTIVE, State.SUSPENDED)


class ResellerAtLimit(DomainError):
    """The seller may not take this on: its own credit with the provider is used up."""

    code = "reseller_at_limit"


def contracts_of(seller: Organisation, *, at: datetime) -> list[Contract]:
    """Return the wholesale contracts that a seller's run bills, made where one is missing.

    Of the provider: with every reseller; of a reseller: its own. There is one per currency in
    which the reseller sells.
    """
    resellers = [seller] if seller.kind == Kind.RESELLER else list(_resellers(seller))
    found: list[Contract] = []
    for reseller in resellers:
        sold = Contract.objects.filter(seller=reseller, starts_at__lte=at)
        currencies = sold.exclude(state=State.DRAFT).order_by("currency").values_list("currency")
        found += [_contract(reseller, currency, at) for (currency,) in currencies.distinct()]
    return found


def _resellers(provider: Organisation) -> Iterable[Organisation]:
    resellers = Organisation.objects.filter(parent=provider, kind=Kind.RESELLER)
    return resellers.order_by("pk")


def _contract(reseller: Organisation, currency: str, at: datetime) -> Contract:
    assert reseller.parent_id is not None, "a reseller stands below the provider"
    contract, is_new = Contract.objects.get_or_create(
        organisation=reseller,
        currency=currency,
        is_wholesale=True,
        defaults={
            "seller_id": reseller.parent_id,
            "name": NAME,
            "starts_at": reseller.created_at,
            "state": State.ACTIVE,
            "state_since": at,
        },
    )
    if is_new:
        record(contract, State.ACTIVE, at=at, by="wholesale", why="sells to customers of its own")
    return contract


def sold_under(contract: Contract, *, until: datetime) -> Q:
    """Return which contracts a wholesale contract bills: of the reseller's customers, begun."""
    return Q(
        seller=contract.organisation_id,
        currency=contract.currency,
        starts_at__lt=until,
        is_wholesale=False,
    ) & ~Q(state=State.DRAFT)


def has_room(order: Order, *, at: datetime) -> bool:
    """Return whether the seller's own credit takes the order; see `check_room`."""
    try:
        check_room(order, at=at)
    except ResellerAtLimit:
        return False
    return True


def check_room(order: Order, *, at: datetime) -> None:
    """Refuse an order that its seller, a reseller, would owe more for than its provider allows.

    What the buyer asks is computed of rows that the buyer may not see.

    Raises:
        ResellerAtLimit: the words are for the reseller and name no price to the buyer.
    """
    with scope.everything("a customer's order counts on its seller's credit"):
        resellers = Organisation.objects.filter(pk=order.seller_id, kind=Kind.RESELLER)
        if not resellers.exclude(credit_limit_minor=None).exists():
            return
        seller = resellers.select_for_update(no_key=True).get()
        limit = seller.credit_limit_minor
        if limit is None:
            return
        if Contract.objects.filter(
            organisation=seller, is_wholesale=True, state=State.SUSPENDED
        ).exists():
            raise ResellerAtLimit(f"{seller.name} takes no new orders: it owes its provider money.")
        used = owed_monthly_minor(seller, order.currency, at=at)
        asked = _order_minor(order, seller, at=at)
        if used + asked > limit:
            raise ResellerAtLimit(
                f"{seller.name} has reached its credit limit with {_name_of_parent(seller)}: "
                "its provider raises it, or a service has to end first.",
                limit=str(Amount(limit, order.currency)),
            )


def check_limit(contract: Contract, *, at: datetime) -> None:
    """Refuse what has just become of a contract when its seller would owe too much for it.

    The caller holds the buyer's row, and is rolled back.

    Raises:
        ResellerAtLimit: the words are for the reseller and name no price to the buyer.
    """
    with scope.everything("a customer's change counts on its seller's credit"):
        resellers = Organisation.objects.filter(pk=contract.seller_id, kind=Kind.RESELLER)
        if not resellers.exclude(credit_limit_minor=None).exists():
            return
        seller = resellers.select_for_update(no_key=True).get()
        limit = seller.credit_limit_minor
        if limit is None or owed_monthly_minor(seller, contract.currency, at=at) <= limit:
            return
        raise ResellerAtLimit(
            f"{seller.name} has reached its credit limit with {_name_of_parent(seller)}: "
            "its provider raises it, or a service has to end first.",
            limit=str(Amount(limit, contract.currency)),
        )


def _name_of_parent(seller: Organisation) -> str:
    return seller.parent.name if seller.parent else "its provider"


def owed_monthly_minor(reseller: Organisation, currency: str, *, at: datetime) -> int:
    """Return what a reseller owes in a month: its own services and, at wholesale, its customers'.

    The services of customers count with base price, commitments and what was used in the last
    month; one for which there is no wholesale price counts with what its customer pays.
    """
    lines = ContractLine.objects.filter(
        contract__seller=reseller,
        contract__currency=currency,
        contract__state__in=_RUNNING,
        contract__is_wholesale=False,
    ).prefetch_related("prices")
    listed = _prices(reseller, currency, {line.plan_id for line in lines}, at)
    prices = [one for line in lines for one in _of(line, listed, at)]
    month = Period(add_months(at, -1, anchor=at.day), at)
    metered = [one for one in prices if one.kind == PriceKind.METERED]
    own = committed_minor(reseller, currency, at=at)
    return own + dated.monthly_minor(prices, currency) + used_minor(metered, month, currency)


def _prices(
    reseller: Organisation, currency: str, plans: Collection[int], at: datetime
) -> Mapping[int, list[Price]]:
    found: dict[int, list[Price]] = {}
    prices = wholesale_list(reseller, currency, at)
    if prices is not None:
        for price in prices.prices.filter(plan__in=plans):
            found.setdefault(price.plan_id, []).append(price)
    return found


def wholesale_list(reseller: Organisation, currency: str, at: datetime) -> PriceList | None:
    """Return what the provider asks of a reseller at a moment; None without a list."""
    assert reseller.parent is not None, "a reseller stands below the provider"
    try:
        return price_list_of(reseller.parent, currency, at, buyer=reseller)
    except NoPrices:
        return None


def _of(line: ContractLine, listed: Mapping[int, list[Price]], at: datetime) -> list[LinePrice]:
    """Return the prices of a line at wholesale, not stored; as agreed where there are none."""
    if line.plan_id not in listed:
        return dated.in_force(line.prices.all(), at)
    return dated.of_list(line, listed[line.plan_id], quantity=line.quantity)


def _order_minor(order: Order, seller: Organisation, *, at: datetime) -> int:
    """Return base price and set-up of an order at wholesale, commitments included."""
    listed = _prices(seller, order.currency, {order.plan_id}, at).get(order.plan_id)
    if listed is None:
        return first_month_minor(order)
    line = ContractLine(organisation_id=order.organisation_id)
    prices = dated.of_list(line, listed, quantity=Decimal(1))
    metered = [one for one in prices if one.kind == PriceKind.METERED]
    set_up = sum(
        charge(unit_price=one.unit_price, quantity=Decimal(1), currency=order.currency).minor
        for one in listed
        if one.kind == PriceKind.SETUP
    )
    monthly = dated.monthly_minor(prices, order.currency)
    return set_up + monthly + used_minor(metered, None, order.currency)
