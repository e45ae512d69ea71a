"""Dated prices of a line: what is in force, what it costs, and what a change makes of it. Pure."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from erp.catalogue.models import Price, PriceKind
from erp.contracts.models import ContractLine, LinePrice


def in_force(prices: Iterable[LinePrice], at: datetime) -> list[LinePrice]:
    """Return the prices of a moment, in their order."""
    return [price for price in prices if price.is_in_force(at)]


def monthly_minor(prices: Iterable[LinePrice], currency: str) -> int:
    """Return what the base prices among these cost in a month, in minor units."""
    base = (price for price in prices if price.kind == PriceKind.RECURRING)
    return sum(price.monthly_minor(currency) for price in base)


@dataclass(frozen=True, slots=True)
class Repriced:
    """The prices of a line after a change: which end earlier, never count, or are new."""

    kept: tuple[LinePrice, ...]
    cut: tuple[LinePrice, ...]
    removed: tuple[LinePrice, ...]
    added: tuple[LinePrice, ...]

    @property
    def prices(self) -> tuple[LinePrice, ...]:
        """Return all that count, as they are stored when the change is made."""
        return (*self.kept, *self.cut, *self.added)


def repriced(
    prices: Sequence[LinePrice],
    new: Sequence[LinePrice],
    *,
    at: datetime,
    base_from: datetime,
) -> Repriced:
    """Return the prices of a line when others take their place.

    The set-up is of the order and stays. Metered prices change at the moment; base prices may
    count from before it, when an upgrade pays its whole month.
    """
    kept, cut, removed = [], [], []
    for price in prices:
        until = base_from if price.kind == PriceKind.RECURRING else at
        if price.kind == PriceKind.SETUP or (price.ends_at and price.ends_at <= until):
            kept.append(price)
        elif price.starts_at and price.starts_at >= until:
            removed.append(price)
        else:
            shorter = copy(price)
            shorter.ends_at = until
            cut.append(shorter)
    added = []
    for price in new:
        dated = copy(price)
        dated.starts_at = base_from if price.kind == PriceKind.RECURRING else at
        added.append(dated)
    return Repriced(tuple(kept), tuple(cut), tuple(removed), tuple(added))


def of_list(line: ContractLine, prices: Iterable[Price], *, quantity: Decimal) -> list[LinePrice]:
    """Return listed prices as a line would have them, without the set-up: that is paid once."""
    return [
        LinePrice(
            organisation_id=line.organisation_id,
            line=line,
            kind=price.kind,
            meter=price.meter,
            unit=price.unit,
            unit_price=price.unit_price,
            included_quantity=price.included_quantity,
            terms=price.terms,
            quantity=quantity,
            in_advance=price.in_advance,
        )
        for price in prices
        if price.kind != PriceKind.SETUP
    ]


def again(prices: Iterable[LinePrice], *, quantity: Decimal) -> list[LinePrice]:
    """Return new rows of the same prices, for another quantity of the same plan."""
    found = []
    for price in prices:
        if price.kind != PriceKind.SETUP:
            other = copy(price)
            other.pk, other._state.adding = None, True
            other.quantity, other.starts_at, other.ends_at = quantity, None, None
            found.append(other)
    return found
