"""Write offers, plans and price lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import check_currency
from erp.catalogue import backup
from erp.catalogue import service_levels as levels
from erp.catalogue.markup import BadMarkup, Markup
from erp.catalogue.models import Offer, Plan, Price, PriceKind, PriceList
from erp.catalogue.queries import bases_for, terms_of
from erp.catalogue.terms import BadTerms, read, written
from erp.customers.models import Organisation
from erp.ports import placement_source, product_source

# What a buyer may wish of the place unless the offer says otherwise.
BUYERS_WISHES = ("region", "countries", "with", "not_with", "unique_by_network")


class PriceListOverlaps(DomainError):
    """Two price lists of one seller in one currency are valid at the same time."""

    code = "price_list_overlaps"


class PlanExists(DomainError):
    """The offer has a plan with this code already."""

    code = "plan_exists"


class WrongBuyer(DomainError):
    """A list for one buyer is for one that buys from this seller."""

    code = "wrong_buyer"
    status = 422


class NotMeasured(DomainError):
    """The product has no such meter: a price of it would bill nothing, or park every contract."""

    code = "not_measured"
    status = 422


class EndsTooEarly(DomainError):
    """A price list ends after it started, and never in the past: prices that were valid stay so."""

    code = "ends_too_early"
    status = 422


@transaction.atomic
def add_offer(owner: Organisation, *, at: datetime, by: str, **facts: Any) -> Offer:
    """Add an offer to the catalogue."""
    columns = {"wishes": list(BUYERS_WISHES)} | facts
    offer = Offer.objects.create(organisation=owner, **columns)
    record(offer, "offered", at=at, by=by)
    return offer


def add_plan(offer: Offer, *, code: str, name: str, **facts: Any) -> Plan:
    """Add a plan to an offer; it stands after those that are there.

    Raises:
        PlanExists: the code is taken.
        BadLevel: its `service_level` contradicts itself.
        DomainError: what it fixes of the place (`sla`) or its backup cannot be understood.
    """
    facts["service_level"] = levels.written(levels.read(facts.get("service_level", ())))
    backup.check(facts.get("backup") or {})
    if facts.get("sla"):
        placement_source().check(facts["sla"], buyer=None)
    columns = {"code": code, "name": name, "position": offer.plans.count() + 1} | facts
    try:
        with transaction.atomic():
            return Plan.objects.create(
                organisation_id=offer.organisation_id, offer=offer, **columns
            )
    except IntegrityError as error:
        raise PlanExists(f"{offer.name} has a plan {code} already.") from error


@transaction.atomic
def add_price_list(
    seller: Organisation,
    *,
    name: str,
    currency: str,
    starts_at: datetime,
    at: datetime,
    by: str,
    **facts: Any,
) -> PriceList:
    """Add a dated price list.

    Args:
        facts: `ends_at`, and `buyer` for a list that is for one buyer.

    Raises:
        CurrencyUnsupported: no invoice can be written in it.
        PriceListOverlaps: names the list that is valid in the same time.
    """
    check_currency(currency)
    row = PriceList(organisation=seller, name=name, currency=currency, starts_at=starts_at, **facts)
    if row.buyer is not None and row.buyer.parent_id != seller.pk:
        raise WrongBuyer(f"{row.buyer.name} does not buy from {seller.name}.")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise PriceListOverlaps(_overlap(row)) from error
    record(row, "published", at=at, by=by)
    return row


@transaction.atomic
def publish(
    seller: Organisation, wish: "ListWish", *, at: datetime, by: str, **facts: Any
) -> PriceList:
    """Publish a list as a page asks for it: empty or from a base, after the one before it or alone.

    Raises:
        As `add_price_list`, `derive_price_list` and `end_price_list`.
    """
    currency = wish.base.currency if wish.base else facts.pop("currency")
    facts.pop("currency", None)
    if wish.replaces:
        before = PriceList.objects.filter(
            organisation=seller, buyer=facts.get("buyer"), currency=currency
        )
        starts_at = facts["starts_at"]
        for row in before.filter(starts_at__lt=starts_at).exclude(ends_at__lte=starts_at):
            end_price_list(row, ends_at=starts_at, at=at, by=by)
    if wish.base is None:
        return add_price_list(seller, currency=currency, at=at, by=by, **facts)
    return derive_price_list(seller, wish.base, wish.markup, at=at, by=by, **facts)


@dataclass(frozen=True, slots=True)
class ListWish:
    """How a list is published.

    Args:
        base: the list whose prices it takes over, marked up.
        replaces: the list that is valid before it ends at that moment.
    """

    base: PriceList | None = None
    markup: Markup = field(default_factory=Markup)
    replaces: bool = False


@transaction.atomic
def derive_price_list(
    seller: Organisation, base: PriceList, markup: Markup, *, at: datetime, by: str, **facts: Any
) -> PriceList:
    """Publish a list with all prices of another, marked up; single prices may be set after.

    Args:
        facts: as `add_price_list`; the currency is that of the base.

    Raises:
        BadMarkup: a price would fall below zero, or the seller may not sell from this base.
        CurrencyUnsupported, PriceListOverlaps, WrongBuyer: as `add_price_list`.
    """
    markup.check()
    if not bases_for(seller, at=at).filter(pk=base.pk).exists():
        raise BadMarkup(f"“{base.name}” is no list that {seller.name} sells from.")
    columns: dict[str, Any] = {"based_on": base, "percent": markup.percent, "amount": markup.amount}
    made = add_price_list(seller, currency=base.currency, at=at, by=by, **(columns | facts))
    Price.objects.bulk_create(_marked_up(one, markup, made) for one in base.prices.all())
    return made


def _marked_up(price: Price, markup: Markup, into: PriceList) -> Price:
    terms = markup.of(price.kind, terms_of(price))
    return Price(
        organisation_id=into.organisation_id,
        price_list=into,
        plan_id=price.plan_id,
        kind=price.kind,
        meter=price.meter,
        unit=price.unit,
        unit_price=terms.unit_price,
        included_quantity=price.included_quantity,
        terms=written(terms),
        in_advance=price.in_advance,
    )


@transaction.atomic
def end_price_list(price_list: PriceList, *, ends_at: datetime, at: datetime, by: str) -> None:
    """Let a list end, so that the next can begin at the same moment.

    Raises:
        EndsTooEarly: that is in the past, or before it starts.
        PriceListOverlaps: it would go on into another list.
    """
    if ends_at < at or ends_at <= price_list.starts_at:
        raise EndsTooEarly
    stored = PriceList.objects.select_for_update().get(pk=price_list.pk)
    if stored.ends_at and stored.ends_at <= at:
        raise EndsTooEarly(f"“{stored.name}” has ended already.")
    try:
        with transaction.atomic():
            PriceList.objects.filter(pk=stored.pk).update(ends_at=ends_at)
    except IntegrityError as error:
        raise PriceListOverlaps(_overlap(stored, ends_at=ends_at)) from error
    before = stored.ends_at.isoformat() if stored.ends_at else None
    record(stored, "end_set", at=at, by=by, before=before, after=ends_at.isoformat())
    price_list.ends_at = ends_at


def _overlap(row: PriceList, *, ends_at: datetime | None = None) -> str:
    """Return what a list that may not be stands against, and what to do."""
    starts_at, ends_at = row.starts_at, ends_at or row.ends_at
    others = PriceList.objects.filter(
        organisation=row.organisation_id, buyer=row.buyer_id, currency=row.currency
    ).exclude(pk=row.pk)
    if ends_at:
        others = others.filter(starts_at__lt=ends_at)
    other = others.exclude(ends_at__lte=starts_at).order_by("starts_at").first()
    if other is None:
        return "The list ends before it starts."
    until = f"until {other.ends_at:%Y-%m-%d}" if other.ends_at else "without an end"
    return (
        f"“{other.name}” is valid in {row.currency} from {other.starts_at:%Y-%m-%d} {until}: "
        "end it first, or choose other dates."
    )


def set_price(
    price_list: PriceList,
    plan: Plan,
    *,
    kind: PriceKind,
    unit_price: Decimal,
    meter: str = "",
    unit: str = "",
    included_quantity: Decimal = Decimal(0),
    terms: Mapping[str, Any] | None = None,
    in_advance: bool = False,
) -> Price:
    """Set one price of a plan in a list; setting it again replaces it.

    Raises:
        NotMeasured: the product of the plan has no such meter, or counts it in another unit.
        BadTerms: the terms contradict themselves.
    """
    if kind == PriceKind.METERED:
        unit = _unit_of(plan, meter, unit)
    elif terms:
        raise BadTerms("Only a metered price has terms.")
    known = read(terms or {}, unit_price=unit_price, included=included_quantity)
    price, _ = Price.objects.update_or_create(
        price_list=price_list,
        plan=plan,
        kind=kind,
        meter=meter,
        defaults={
            "organisation_id": price_list.organisation_id,
            "unit": unit,
            "unit_price": unit_price,
            "included_quantity": included_quantity,
            "terms": written(known),
            "in_advance": in_advance,
        },
    )
    return price


def _unit_of(plan: Plan, meter: str, unit: str) -> str:
    """Return the unit that the product counts the meter in; of what is not published, as given."""
    products = {one.name: one for one in product_source().products()}
    product = products.get(plan.offer.product)
    if product is None:
        return unit
    if meter not in product.meters:
        known = ", ".join(sorted(product.meters))
        raise NotMeasured(f"{product.name} does not measure {meter}; it measures: {known}.")
    counted = product.meters[meter]
    if unit and unit != counted:
        raise NotMeasured(f"{product.name} counts {meter} in {counted}, and not in {unit}.")
    return counted
