"""What an order would cost: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from erp.base.money import Amount, charge
from erp.catalogue.models import Price, PriceKind
from erp.catalogue.queries import in_words
from erp.catalogue.terms import read
from erp.catalogue.words import said
from erp.orders.models import Order


@dataclass(frozen=True, slots=True)
class Metered:
    """The price of what a meter counts, in words."""

    meter: str
    terms: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Once, every month, and by use; without tax."""

    setup: Amount
    monthly: Amount
    metered: tuple[Metered, ...]


def preview(prices: Sequence[Price], *, currency: str, quantity: Decimal = Decimal(1)) -> Preview:
    """Price one line: the same function prices the page, the order and the contract."""

    def total(kind: PriceKind) -> Amount:
        amounts = [
            charge(unit_price=price.unit_price, quantity=quantity, currency=currency)
            for price in prices
            if price.kind == kind
        ]
        return sum(amounts, Amount(0, currency))

    metered = tuple(
        Metered(price.meter, in_words(price, currency))
        for price in prices
        if price.kind == PriceKind.METERED
    )
    return Preview(total(PriceKind.SETUP), total(PriceKind.RECURRING), metered)


def prices_in_words(order: Order) -> list[tuple[str, str]]:
    """Return the prices that the buyer saw: which one, in words."""
    found = []
    for price in order.prices:
        terms = read(
            price.get("terms", {}),
            unit_price=Decimal(price["unit_price"]),
            included=Decimal(price["included_quantity"]),
        )
        words = said(
            price["kind"],
            terms,
            unit=price["unit"],
            currency=order.currency,
            in_advance=price.get("in_advance", False),
        )
        found.append((price["meter"] or price["kind"], words))
    return found
