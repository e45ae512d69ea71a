"""What an order would cost: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from erp.base.money import Amount, charge
from erp.catalogue.models import Price, PriceKind
from erp.catalogue.queries import terms_of
from erp.catalogue.terms import in_words


@dataclass(frozen=True, slots=True)
class Metered:
    """A price per unit of a meter, beyond what is included in a month."""

    meter: str
    unit: str
    unit_price: Decimal
    included_quantity: Decimal
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
        Metered(
            price.meter,
            price.unit,
            price.unit_price,
            price.included_quantity,
            in_words(terms_of(price), currency),
        )
        for price in prices
        if price.kind == PriceKind.METERED
    )
    return Preview(total(PriceKind.SETUP), total(PriceKind.RECURRING), metered)
