"""Why an invoice is not what the one before it was: the difference, split to the cent. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from erp.base.money import charge

# What a line is of: contract line, kind of price, meter, part of the charge, or what it corrects.
Key = tuple[int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Billed:
    """A line of an invoice as far as it is compared."""

    key: Key
    description: str
    quantity: Decimal
    unit_price: Decimal
    minor: int


@dataclass(frozen=True, slots=True)
class Change:
    """How one thing changed; both effects add up to what it costs more.

    Args:
        quantity_minor: what the other quantity makes at the old price.
        price_minor: what the other price makes of the new quantity.
    """

    description: str
    reason: str
    before: Billed | None
    after: Billed | None
    quantity_minor: int
    price_minor: int

    @property
    def minor(self) -> int:
        """Return what it costs more."""
        return self.quantity_minor + self.price_minor


def changes(before: Sequence[Billed], after: Sequence[Billed], *, currency: str) -> list[Change]:
    """Return what changed, the greatest first; together it is the difference of the two nets."""
    old, new = _grouped(before), _grouped(after)
    found = [_change(old.get(key), new.get(key), currency) for key in dict.fromkeys([*new, *old])]
    return sorted((one for one in found if one), key=lambda one: (-abs(one.minor), one.description))


def _grouped(lines: Sequence[Billed]) -> dict[Key, Billed]:
    """Return one row per thing: lines of one price add up; of several, they cost an average."""
    found: dict[Key, Billed] = {}
    for one in lines:
        known = found.get(one.key)
        found[one.key] = _added(known, one) if known else one
    return found


def _added(one: Billed, other: Billed) -> Billed:
    quantity = one.quantity + other.quantity
    amount = one.quantity * one.unit_price + other.quantity * other.unit_price
    is_same = one.unit_price == other.unit_price or not quantity
    unit_price = one.unit_price if is_same else amount / quantity
    return Billed(one.key, one.description, quantity, unit_price, one.minor + other.minor)


def _change(before: Billed | None, after: Billed | None, currency: str) -> Change | None:
    if before is None:
        assert after is not None, "the key is of one of them"
        reason = "correction" if after.key[-1] else "new"
        return Change(after.description, reason, None, after, after.minor, 0)
    if after is None:
        reason = "earlier correction" if before.key[-1] else "gone"
        return Change(before.description, reason, before, None, -before.minor, 0)
    if (before.quantity, before.unit_price, before.minor) == (
        after.quantity,
        after.unit_price,
        after.minor,
    ):
        return None
    at_old = charge(unit_price=before.unit_price, quantity=after.quantity, currency=currency).minor
    if before.unit_price == after.unit_price:
        at_old = after.minor
    reasons = [
        *(["quantity"] if before.quantity != after.quantity else []),
        *(["price"] if before.unit_price != after.unit_price else []),
    ]
    return Change(
        description=after.description,
        reason=" and ".join(reasons) or "rounding",
        before=before,
        after=after,
        quantity_minor=at_old - before.minor,
        price_minor=after.minor - at_old,
    )
