"""Which contracts are in force, due, or count against a limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, Q, QuerySet, Sum
from django.db.models.functions import Round

from erp.base.journal import history
from erp.base.money import charge, exponent
from erp.base.periods import Period, add_months
from erp.base.tenancy import AnyUser
from erp.catalogue.models import PriceKind
from erp.catalogue.terms import Aggregation, included_in, pieces, read
from erp.catalogue.words import said
from erp.contracts.models import Contract, ContractLine, LineChange, LinePrice
from erp.contracts.states import ChangeState, State
from erp.customers.models import Member, Organisation
from erp.orders.models import Order
from erp.ports import usage_source


def expired(now: datetime) -> QuerySet[Contract]:
    """Return contracts past their end that are not ended."""
    return Contract.objects.filter(ends_at__lte=now).exclude(state=State.ENDED)


def due_changes(now: datetime) -> QuerySet[LineChange]:
    """Return planned changes whose time has come, the earliest first."""
    planned = LineChange.objects.filter(state=ChangeState.PLANNED, effective_at__lte=now)
    return planned.order_by("effective_at", "pk")


def committed_minor(buyer: Organisation, currency: str, *, at: datetime) -> int:
    """Return what the buyer's contracts cost in a month, in minor units, for its credit limit.

    Contracts in force count with their base price and with what was used in the last month beyond
    the included; what began in the last month counts with its set-up, also when it has ended:
    nobody slips below the limit by ordering and ending.
    """
    sold = Contract.objects.filter(organisation=buyer, currency=currency)
    return committed_of(sold, currency, at=at)


def committed_of(sold: QuerySet[Contract], currency: str, *, at: datetime) -> int:
    """Return what some contracts in a currency cost in a month, see `committed_minor`."""
    month = Period(add_months(at, -1, anchor=at.day), at)
    running = sold.filter(state__in=[State.ACTIVE, State.SUSPENDED])
    begun = Order.objects.filter(contract__in=sold.filter(starts_at__gt=month.start))
    set_up = sum(setup_minor(order.prices, currency) for order in begun.only("prices"))
    lines = ContractLine.objects.filter(contract__in=running)
    return base_minor(lines, currency, at=at) + set_up + _used_minor(lines, month, currency)


def prices_in_force(at: datetime) -> QuerySet[LinePrice]:
    """Return the prices of all lines that are in force at the moment."""
    has_begun = Q(starts_at=None) | Q(starts_at__lte=at)
    return LinePrice.objects.filter(has_begun, Q(ends_at=None) | Q(ends_at__gt=at))


def base_minor(lines: QuerySet[ContractLine], currency: str, *, at: datetime) -> int:
    """Return the base price of a month of these lines, in minor units."""
    found = prices_in_force(at).filter(line__in=lines, kind=PriceKind.RECURRING)
    exact = F("unit_price") * F("quantity") * 10 ** exponent(currency)
    each = found.annotate(minor=Round(exact, output_field=DecimalField()))
    return int(each.aggregate(total=Sum("minor"))["total"] or 0)


def first_month_minor(order: Order) -> int:
    """Return base price, set-up and commitments of an order: its month before anything is used."""
    metered = [
        LinePrice(**(price | _amounts(price)))
        for price in order.prices
        if price["kind"] == PriceKind.METERED
    ]
    committed = sum(_metered_minor(price, Decimal(0), order.currency) for price in metered)
    return order.monthly_minor + setup_minor(order.prices, order.currency) + committed


def _amounts(price: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(price[name]) for name in ("unit_price", "included_quantity")}


def setup_minor(prices: Sequence[Mapping[str, Any]], currency: str) -> int:
    """Return the set-up of one piece at these prices."""
    return sum(
        charge(unit_price=Decimal(one["unit_price"]), quantity=Decimal(1), currency=currency).minor
        for one in prices
        if one["kind"] == PriceKind.SETUP
    )


def _used_minor(lines: QuerySet[ContractLine], month: Period, currency: str) -> int:
    """Return what the lines used in a month at their metered prices, two statements for all."""
    found = prices_in_force(month.end).filter(line__in=lines, kind=PriceKind.METERED)
    return used_minor(list(found), month, currency)


def used_minor(prices: Sequence[LinePrice], month: Period | None, currency: str) -> int:
    """Return what metered prices make of the usage in a month; without one, the commitments."""
    keys = {price.line_id for price in prices}
    windows = dict.fromkeys(keys, month) if month else {}
    found = (
        usage_source().usage(windows=windows, stored_before=month.end) if windows and month else ()
    )
    used = {(one.line, one.meter): one.quantity for one in found}
    return sum(
        _metered_minor(price, used.get((price.line_id, price.meter), Decimal(0)), currency)
        for price in prices
    )


def _metered_minor(price: LinePrice, used: Decimal, currency: str) -> int:
    """Return one metered price of a month; of a level its sum is unknown here: it counts least."""
    terms = read(price.terms, unit_price=price.unit_price, included=price.included_quantity)
    if terms.aggregation != Aggregation.SUM:
        used = Decimal(0)
    scale = price.quantity
    included = included_in(terms, scale)
    found = pieces(terms, used, included=included, scale=scale, currency=currency)
    return sum(one.minor(currency) for one in found)


@dataclass(frozen=True, slots=True)
class Agreed:
    """A line as its customer reads it.

    Args:
        prices: what is in force now: which price, in words.
        planned: the change that waits for the renewal.
    """

    line: ContractLine
    prices: tuple[tuple[str, str], ...]
    planned: LineChange | None


def agreed(contract: Contract, *, at: datetime) -> list[Agreed]:
    """Return the lines of a contract with the prices of the moment; the same queries for any."""
    lines = contract.lines.select_related("plan__offer").prefetch_related("prices")
    waiting = LineChange.objects.filter(line__contract=contract, state=ChangeState.PLANNED)
    planned = {one.line_id: one for one in waiting.select_related("to_plan__offer")}
    return [
        Agreed(
            line,
            tuple(
                in_words(price, contract.currency)
                for price in line.prices.all()
                if price.is_in_force(at)
            ),
            planned.get(line.pk),
        )
        for line in lines
    ]


def in_words(price: LinePrice, currency: str) -> tuple[str, str]:
    """Return which price it is, and the price as its customer reads it."""
    terms = read(price.terms, unit_price=price.unit_price, included=price.included_quantity)
    words = said(price.kind, terms, unit=price.unit, currency=currency, in_advance=price.in_advance)
    return price.meter or price.kind, words if price.quantity == 1 else f"{words}, for each piece"


def listed(user: AnyUser, *, state: str = "") -> QuerySet[Contract]:
    """Return the contracts that the user sees, newest first, of one state if one is named."""
    seen = Contract.objects.visible_to(user).filter(is_wholesale=False)
    found = seen.select_related("organisation", "seller").prefetch_related("lines__prices")
    if state in State.values:
        found = found.filter(state=state)
    return found.order_by("-pk")


def was_stopped_by_its_buyer(contract: Contract) -> bool:
    """Return whether a member of the buyer made the last stop, by the journal."""
    stops = history(contract).filter(event=State.SUSPENDED).order_by("-position")
    last = stops.values_list("by", flat=True).first()
    members = Member.objects.filter(organisation=contract.organisation_id)
    return members.filter(user__username=last).exists()
