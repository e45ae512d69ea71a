"""How a metered price makes money of a quantity: the charge models. Pure.

A price is one of the models below with what is included, an optional commitment (`minimum`) and a
cap (`maximum`), all of one month and of one piece of the line. A part of a month has that part of
them: `scale` is the months times the quantity of the line.

Source: docs/rating.md
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from erp.base.errors import DomainError
from erp.base.money import charge, exponent

# Quantities are printed, and priced as printed: 10^-9 of a month is 3 milliseconds.
RESOLUTION = Decimal("0.000000001")
MOST_TIERS = 50
ONE, NOTHING = Decimal(1), Decimal(0)
Name = TypeVar("Name", bound=StrEnum)


class Model(StrEnum):
    """How quantity becomes money."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    PERCENTAGE = "percentage"
    FLAT = "flat"


class Aggregation(StrEnum):
    """How samples become one quantity."""

    SUM = "sum"
    MAX = "max"
    LAST = "last"
    AVERAGE = "average"
    UNIQUE = "unique"
    PERCENTILE_95 = "percentile_95"


class BadTerms(DomainError):
    """The terms of a price contradict themselves."""

    code = "bad_terms"
    status = 422


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to this quantity (None: without an end) a unit costs this, and entering it once `flat`."""

    up_to: Decimal | None
    unit_price: Decimal
    flat: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Terms:
    """A metered price as agreed; amounts are in major units of the currency, of one month."""

    unit_price: Decimal
    included: Decimal = NOTHING
    model: Model = Model.PER_UNIT
    aggregation: Aggregation = Aggregation.SUM
    tiers: tuple[Tier, ...] = ()
    package: Decimal = ONE
    minimum: Decimal = NOTHING
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One line of a metered charge: quantity times unit price, rounded once, is its amount.

    Args:
        part: which line of the charge; the first is "", and is always there.
    """

    part: str
    quantity: Decimal
    unit_price: Decimal

    def minor(self, currency: str) -> int:
        """Return the amount."""
        return charge(unit_price=self.unit_price, quantity=self.quantity, currency=currency).minor


def read(written: Mapping[str, Any], *, unit_price: Decimal, included: Decimal) -> Terms:
    """Return the terms that a price keeps as JSON beside its unit price and what is included.

    Raises:
        BadTerms: says which of them cannot be, and what can.
    """
    unknown = sorted(set(written) - _NAMES)
    if unknown:
        raise BadTerms(f"“{unknown[0]}” is no term of a price: {', '.join(sorted(_NAMES))}.")
    terms = Terms(
        unit_price=unit_price,
        included=included,
        model=_one_of(Model, written.get("model", Model.PER_UNIT)),
        aggregation=_one_of(Aggregation, written.get("aggregation", Aggregation.SUM)),
        tiers=tuple(_tier(row) for row in written.get("tiers", ())),
        package=_number("package", written.get("package", "1")),
        minimum=_number("minimum", written.get("minimum", "0")),
        maximum=_number("maximum", written["maximum"]) if "maximum" in written else None,
    )
    problem = _problem(terms)
    if problem:
        raise BadTerms(problem)
    return terms


_NAMES = {"model", "aggregation", "tiers", "package", "minimum", "maximum"}


def written(terms: Terms) -> dict[str, Any]:
    """Return what `read` reads; what is as usual is left out."""
    found: dict[str, Any] = {}
    if terms.model != Model.PER_UNIT:
        found["model"] = terms.model.value
    if terms.aggregation != Aggregation.SUM:
        found["aggregation"] = terms.aggregation.value
    if terms.tiers:
        found["tiers"] = [_row(tier) for tier in terms.tiers]
    if terms.package != ONE:
        found["package"] = str(terms.package)
    if terms.minimum:
        found["minimum"] = str(terms.minimum)
    if terms.maximum is not None:
        found["maximum"] = str(terms.maximum)
    return found


def whole(terms: Terms) -> dict[str, Any]:
    """Return everything that was agreed, for a record that stands alone."""
    known = {"unit_price": str(terms.unit_price), "included": str(terms.included)}
    return known | written(terms)


def read_whole(kept: Mapping[str, Any]) -> Terms:
    """Return what `whole` wrote."""
    rest = {name: value for name, value in kept.items() if name in _NAMES}
    return read(rest, unit_price=Decimal(kept["unit_price"]), included=Decimal(kept["included"]))


def _row(tier: Tier) -> list[str | None]:
    up_to = None if tier.up_to is None else str(tier.up_to)
    return [up_to, str(tier.unit_price), str(tier.flat)]


def _one_of(names: type[Name], value: object) -> Name:
    try:
        return names(str(value))
    except ValueError as error:
        raise BadTerms(f"“{value}” is none of: {', '.join(names)}.") from error


def _tier(row: object) -> Tier:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) not in (2, 3):
        raise BadTerms("A tier is: up to which quantity, unit price, and a flat price if any.")
    up_to = None if row[0] is None else _number("tier", row[0])
    return Tier(up_to, _number("tier", row[1]), _number("tier", row[2] if len(row) > 2 else "0"))


def _number(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise BadTerms(f"{name}: “{value}” is not a number.") from error
    if not number.is_finite() or not 0 <= number < 10**11 or number != resolved(number):
        raise BadTerms(f"{name}: {value} is not between 0 and 10^11 with at most 9 decimals.")
    return number


def _problem(terms: Terms) -> str:
    tiered = terms.model in (Model.GRADUATED, Model.VOLUME)
    if tiered != bool(terms.tiers):
        return "Graduated and volume prices, and only those, have tiers."
    if tiered and terms.unit_price:
        return "The tiers have the prices: leave the unit price 0."
    if len(terms.tiers) > MOST_TIERS:
        return f"At most {MOST_TIERS} tiers."
    if terms.package <= 0 or (terms.package != ONE and terms.model != Model.PACKAGE):
        return "Packages, and only those, have a size, above 0."
    if terms.model == Model.PERCENTAGE and terms.unit_price / 100 != resolved(
        terms.unit_price / 100
    ):
        return "A percentage has at most 7 decimals."
    if terms.maximum is not None and terms.maximum < terms.minimum:
        return "The maximum is below the minimum."
    return _problem_of_tiers(terms.tiers)


def _problem_of_tiers(tiers: Sequence[Tier]) -> str:
    ends = [tier.up_to for tier in tiers]
    if ends and ends[-1] is not None:
        return "The last tier has no end: write nothing for its quantity."
    bounds = [end for end in ends if end is not None]
    if len(bounds) != max(len(ends) - 1, 0):
        return "Only the last tier has no end."
    if any(low >= high for low, high in zip([NOTHING, *bounds], bounds, strict=False)):
        return "Each tier ends above the one before it."
    return ""


def resolved(quantity: Decimal) -> Decimal:
    """Return the quantity as it is printed."""
    return quantity.quantize(RESOLUTION, ROUND_HALF_UP)


def included_in(terms: Terms, scale: Decimal) -> Decimal:
    """Return what is included in so many months times pieces."""
    return resolved(terms.included * scale)


def beyond(used: Decimal, included: Decimal) -> Decimal:
    """Return what was used beyond the included."""
    return resolved(max(used - included, NOTHING))


def pieces(
    terms: Terms, used: Decimal, *, included: Decimal, scale: Decimal, currency: str
) -> list[Piece]:
    """Return the lines of a metered charge; the first one is always there.

    Their sum is never below the commitment nor above the cap: a last line makes up for what is
    missing, and one of a negative quantity takes off what is too much.
    """
    found = list(_priced(terms, beyond(used, included), scale))
    total = sum(one.minor(currency) for one in found)
    least = Piece("", resolved(scale), terms.minimum).minor(currency)
    if total < least:
        found.append(Piece("minimum", ONE, _major(least - total, currency)))
    if terms.maximum is not None:
        most = Piece("", resolved(scale), terms.maximum).minor(currency)
        if total > most:
            found.append(Piece("maximum", -ONE, _major(total - most, currency)))
    return found


def _priced(terms: Terms, quantity: Decimal, scale: Decimal) -> Iterator[Piece]:
    match terms.model:
        case Model.PER_UNIT:
            yield Piece("", quantity, terms.unit_price)
        case Model.GRADUATED:
            yield from _graduated(terms.tiers, quantity, scale)
        case Model.VOLUME:
            yield from _volume(terms.tiers, quantity, scale)
        case Model.PACKAGE:
            yield Piece("", _whole(quantity / terms.package), terms.unit_price)
        case Model.PERCENTAGE:
            yield Piece("", quantity, terms.unit_price / 100)
        case Model.FLAT:
            yield Piece("", resolved(scale) if quantity else NOTHING, terms.unit_price)


def _whole(quantity: Decimal) -> Decimal:
    return quantity.to_integral_value(ROUND_CEILING)


def _graduated(tiers: Sequence[Tier], quantity: Decimal, scale: Decimal) -> Iterator[Piece]:
    """Return what falls into each tier at the price of that tier."""
    begins = NOTHING
    for number, tier in enumerate(tiers, 1):
        ends = quantity if tier.up_to is None else min(quantity, resolved(tier.up_to * scale))
        inside = max(ends - begins, NOTHING)
        if inside or number == 1:
            yield Piece("" if number == 1 else f"tier {number}", inside, tier.unit_price)
        if inside and tier.flat:
            yield Piece(f"tier {number} flat", resolved(scale), tier.flat)
        begins = max(begins, ends)


def _volume(tiers: Sequence[Tier], quantity: Decimal, scale: Decimal) -> Iterator[Piece]:
    """Return all of it at the price of the tier that it reaches."""
    reached = next(
        tier for tier in tiers if tier.up_to is None or quantity <= resolved(tier.up_to * scale)
    )
    yield Piece("", quantity, reached.unit_price)
    if quantity and reached.flat:
        yield Piece("flat", resolved(scale), reached.flat)


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def plain(number: Decimal) -> str:
    """Return a number without an exponent or needless zeros."""
    return f"{number.normalize():f}"
