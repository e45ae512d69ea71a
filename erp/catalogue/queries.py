"""What a buyer can buy, from whom, at which price."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Prefetch, Q, QuerySet

from erp.base.errors import DomainError
from erp.base.money import charge
from erp.base.tenancy import AnyUser
from erp.catalogue.models import Plan, Price, PriceKind, PriceList
from erp.catalogue.terms import Terms, read
from erp.catalogue.words import said
from erp.customers.access import memberships_of
from erp.customers.models import Organisation
from erp.customers.states import Right


class NoPrices(DomainError):
    """The seller has no price list in this currency now."""

    code = "no_prices"


def seller_of(buyer: Organisation) -> Organisation:
    """Return who sells to this organisation: the one above it; the provider sells to itself."""
    return buyer.parent or buyer


def price_list_of(
    seller: Organisation, currency: str, at: datetime, *, buyer: Organisation | None = None
) -> PriceList:
    """Return the price list that is valid at the moment: the buyer's own before everybody's.

    Raises:
        NoPrices: there is none.
    """
    valid = Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))
    theirs = Q(buyer=None) | Q(buyer=buyer) if buyer else Q(buyer=None)
    lists = PriceList.objects.filter(valid, theirs, organisation=seller, currency=currency)
    found = lists.order_by(F("buyer").asc(nulls_last=True)).first()
    if found is None:
        raise NoPrices(f"{seller.name} has no price list in {currency} that is valid now.")
    return found


def prices_of(plan: Plan, price_list: PriceList) -> list[Price]:
    """Return the prices of a plan in a list, in a fixed order."""
    return list(Price.objects.filter(plan=plan, price_list=price_list).order_by("kind", "meter"))


def priced(price_list: PriceList) -> list[tuple[Price, str]]:
    """Return the prices of a list, each in words."""
    prices = price_list.prices.select_related("plan__offer").order_by("plan", "kind", "meter")
    return [(price, in_words(price, price_list.currency)) for price in prices]


def in_words(price: Price, currency: str) -> str:
    """Return a price as a buyer reads it, without tax."""
    return said(
        price.kind,
        terms_of(price),
        unit=price.unit,
        currency=currency,
        in_advance=price.in_advance,
    )


@dataclass(frozen=True, slots=True)
class AgainstBase:
    """One price of a list beside the price that it was made from."""

    price: Price
    words: str
    base: Price | None

    @property
    def margin(self) -> Decimal | None:
        """Return what is earned a unit; unknown for tiers, which have many prices."""
        if self.base is None or self.price.terms.get("tiers") or self.base.terms.get("tiers"):
            return None
        return self.price.unit_price - self.base.unit_price


def against_base(price_list: PriceList) -> list[AgainstBase]:
    """Return the prices of a list as `priced`, each beside that of the list it was made from."""
    known: dict[tuple[int, str, str], Price] = {}
    if price_list.based_on:
        bases = price_list.based_on.prices.all()
        known = {(one.plan_id, one.kind, one.meter): one for one in bases}
    return [
        AgainstBase(one, words, known.get((one.plan_id, one.kind, one.meter)))
        for one, words in priced(price_list)
    ]


def terms_of(price: Price) -> Terms:
    """Return how the price makes money of a quantity."""
    return read(price.terms, unit_price=price.unit_price, included=price.included_quantity)


def lists_of(user: AnyUser) -> QuerySet[PriceList]:
    """Return the price lists of the sellers whose prices the user keeps, of all below, for them."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        if Right.MANAGE_PRICES in member.rights:
            path = member.organisation.path
            seen |= Q(organisation__path__startswith=path) | Q(buyer__path__startswith=path)
    return PriceList.objects.filter(seen).select_related("organisation", "buyer", "based_on")


def bases_for(seller: Organisation, *, at: datetime) -> QuerySet[PriceList]:
    """Return what a seller may make a list from: its own lists, and what its seller asks of it."""
    valid = Q(ends_at=None) | Q(ends_at__gt=at)
    asked = Q(organisation=seller.parent_id) & (Q(buyer=None) | Q(buyer=seller))
    found = PriceList.objects.filter(Q(organisation=seller) | asked & valid)
    return found.order_by("organisation", "-starts_at", "pk")


@dataclass(frozen=True, slots=True)
class OnShelf:
    """A plan that can be bought, with its prices in the seller's valid list."""

    plan: Plan
    setup: Price | None
    recurring: Price | None
    metered: tuple[Price, ...]
    currency: str

    @property
    def metered_in_words(self) -> tuple[tuple[Price, str], ...]:
        """Return the metered prices, each in words."""
        return tuple((one, in_words(one, self.currency)) for one in self.metered)

    @property
    def monthly_minor(self) -> int:
        """Return the price of a month, in minor units."""
        unit_price = self.recurring.unit_price if self.recurring else Decimal(0)
        return charge(unit_price=unit_price, quantity=Decimal(1), currency=self.currency).minor


def shelf_of(buyer: Organisation, *, at: datetime) -> list[OnShelf]:
    """Return what the buyer can buy now; empty when its seller has no valid prices."""
    try:
        price_list = price_list_of(seller_of(buyer), buyer.currency, at, buyer=buyer)
    except NoPrices:
        return []
    prices = Price.objects.filter(price_list=price_list, plan__offer__is_open=True)
    found: dict[int, list[Price]] = {}
    for price in prices.select_related("plan__offer").order_by("plan__offer__name", "plan"):
        found.setdefault(price.plan_id, []).append(price)
    return [on_shelf(group, price_list.currency) for group in found.values()]


def plans_on_sale(price_list: PriceList) -> QuerySet[Plan]:
    """Return the plans that a list sells now, each with its prices there in `in_list`."""
    prices = Price.objects.filter(price_list=price_list).order_by("kind", "meter")
    sold = Plan.objects.filter(pk__in=prices.order_by().values("plan"), offer__is_open=True)
    return sold.select_related("offer").prefetch_related(
        Prefetch("prices", prices.select_related("plan"), to_attr="in_list")
    )


def on_shelf(prices: list[Price], currency: str) -> OnShelf:
    """Return a plan with all its prices of one list."""
    by_kind = {price.kind: price for price in prices}
    return OnShelf(
        plan=prices[0].plan,
        setup=by_kind.get(PriceKind.SETUP),
        recurring=by_kind.get(PriceKind.RECURRING),
        metered=tuple(price for price in prices if price.kind == PriceKind.METERED),
        currency=currency,
    )
