"""Write offers, plans and price lists."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.money import check_currency
from erp.catalogue.models import Offer, Plan, Price, PriceKind, PriceList, Upgrades
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
        DomainError: what it fixes of the place (`sla`) cannot be understood.
    """
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
    ends_at: datetime | None = None,
    upgrades: str = Upgrades.PRORATED,
) -> PriceList:
    """Add a dated price list.

    Raises:
        CurrencyUnsupported: no invoice can be written in it.
        PriceListOverlaps: names the list that is valid in the same time.
    """
    check_currency(currency)
    try:
        with transaction.atomic():
            made = PriceList.objects.create(
                organisation=seller,
                name=name,
                currency=currency,
                upgrades=upgrades,
                starts_at=starts_at,
                ends_at=ends_at,
            )
    except IntegrityError as error:
        raise PriceListOverlaps(_overlap(seller, currency, starts_at, ends_at)) from error
    record(made, "published", at=at, by=by)
    return made


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
        facts = (stored.organisation, stored.currency, stored.starts_at, ends_at)
        raise PriceListOverlaps(_overlap(*facts, but=stored)) from error
    before = stored.ends_at.isoformat() if stored.ends_at else None
    record(stored, "end_set", at=at, by=by, before=before, after=ends_at.isoformat())
    price_list.ends_at = ends_at


def _overlap(
    seller: Organisation,
    currency: str,
    starts_at: datetime,
    ends_at: datetime | None,
    but: PriceList | None = None,
) -> str:
    others = PriceList.objects.filter(organisation=seller, currency=currency)
    if but:
        others = others.exclude(pk=but.pk)
    if ends_at:
        others = others.filter(starts_at__lt=ends_at)
    other = others.exclude(ends_at__lte=starts_at).order_by("starts_at").first()
    if other is None:
        return "The list ends before it starts."
    until = f"until {other.ends_at:%Y-%m-%d}" if other.ends_at else "without an end"
    return (
        f"“{other.name}” is valid in {currency} from {other.starts_at:%Y-%m-%d} {until}: "
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
