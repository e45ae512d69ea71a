"""A price list made from another: every price up or down by a percentage or an amount. Pure.

The percentage moves every unit price, the prices and flat prices of tiers, commitments and caps.
The amount moves what is paid by the month alone: five euros more on a price per GiB-hour would be
another business.

Source: docs/resellers.md
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from erp.base.errors import DomainError
from erp.catalogue.models import PriceKind
from erp.catalogue.terms import Model, Terms, Tier

# Prices have nine decimals.
STEP = Decimal("0.000000001")
MOST_PERCENT = Decimal(1000)
# A price that is a percentage is divided by a hundred later, and must stay printable then.
_PERCENTAGE_STEP = Decimal("0.0000001")


class BadMarkup(DomainError):
    """A price list made like this has a price below zero, or is no list at all."""

    code = "bad_markup"
    status = 422


@dataclass(frozen=True, slots=True)
class Markup:
    """Percent on every price, then an amount on every monthly one; both may be negative."""

    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)

    def check(self) -> None:
        """Refuse what makes no price list.

        Raises:
            BadMarkup: says what is possible.
        """
        if not -100 < self.percent <= MOST_PERCENT:
            raise BadMarkup(f"Between −100 and {MOST_PERCENT} percent.")

    def of(self, kind: str, terms: Terms) -> Terms:
        """Return the terms of a price of this kind after the markup.

        Raises:
            BadMarkup: the price would fall below zero.
        """
        added = self.amount if kind == PriceKind.RECURRING else Decimal(0)
        step = _PERCENTAGE_STEP if terms.model == Model.PERCENTAGE else STEP
        price = (self._raised(terms.unit_price) + added).quantize(step, ROUND_HALF_UP)
        if price < 0:
            raise BadMarkup(f"A monthly price of {terms.unit_price} would fall to {price}.")
        tiers = tuple(
            Tier(one.up_to, self._raised(one.unit_price), self._raised(one.flat))
            for one in terms.tiers
        )
        most = None if terms.maximum is None else self._raised(terms.maximum)
        least = self._raised(terms.minimum)
        return replace(terms, unit_price=price, tiers=tiers, minimum=least, maximum=most)

    def _raised(self, price: Decimal) -> Decimal:
        return (price * (100 + self.percent) / 100).quantize(STEP, ROUND_HALF_UP)
