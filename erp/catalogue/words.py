"""A price as a buyer reads it: "first 10 GiB free, then 0.1 EUR per GiB". Pure."""

from decimal import Decimal

from erp.catalogue.models import PriceKind
from erp.catalogue.terms import Aggregation, Model, Terms, Tier, plain


def said(kind: str, terms: Terms, *, unit: str, currency: str, in_advance: bool = False) -> str:
    """Return any price as a buyer reads it, without tax."""
    if kind == PriceKind.METERED:
        return price_in_words(terms, unit=unit, currency=currency)
    often = "once" if kind == PriceKind.SETUP else "a month"
    in_words = ", billed in advance" if in_advance else ""
    return f"{plain(terms.unit_price)} {currency} {often}{in_words}"


def price_in_words(terms: Terms, *, unit: str, currency: str) -> str:
    """Return the whole of a metered price in one sentence."""
    unit = unit or "unit"
    found = _OF_MODEL.get(terms.model, _per_unit)(terms, unit, currency)
    if terms.included:
        joint = ", then" if terms.model == Model.PER_UNIT else "; beyond that:"
        found = f"first {plain(terms.included)} {unit} free{joint} {found}"
    rest = [found]
    if terms.aggregation != Aggregation.SUM:
        rest.append(_SAMPLES[terms.aggregation])
    if terms.minimum:
        rest.append(f"at least {plain(terms.minimum)} {currency} a month")
    if terms.maximum is not None:
        rest.append(f"at most {plain(terms.maximum)} {currency} a month")
    return "; ".join(rest)


def _each(price: Decimal, unit: str, currency: str) -> str:
    return f"{plain(price)} {currency} per {unit}" if price else "free"


def _per_unit(terms: Terms, unit: str, currency: str) -> str:
    return _each(terms.unit_price, unit, currency)


def _package(terms: Terms, unit: str, currency: str) -> str:
    return f"{plain(terms.unit_price)} {currency} per package of {plain(terms.package)} {unit}"


def _percentage(terms: Terms, unit: str, currency: str) -> str:
    return f"{plain(terms.unit_price)} % of it"


def _flat(terms: Terms, unit: str, currency: str) -> str:
    return f"{plain(terms.unit_price)} {currency} in a month in which it is used"


def _graduated(terms: Terms, unit: str, currency: str) -> str:
    found = []
    for number, tier in enumerate(terms.tiers):
        reach = "" if tier.up_to is None else f"{plain(tier.up_to)} {unit} "
        start = ("first " if number == 0 else "up to ") if reach else ""
        found.append(f"{start}{reach}{_tier(tier, unit, currency)}")
    return ", then ".join(found)


def _volume(terms: Terms, unit: str, currency: str) -> str:
    found = [
        f"{'beyond' if tier.up_to is None else f'up to {plain(tier.up_to)} {unit}'} "
        f"{_tier(tier, unit, currency)}"
        for tier in terms.tiers
    ]
    return f"all of it at one price: {', '.join(found)}"


def _tier(tier: Tier, unit: str, currency: str) -> str:
    once = f" and {plain(tier.flat)} {currency} once" if tier.flat else ""
    return _each(tier.unit_price, unit, currency) + once


_OF_MODEL = {
    Model.GRADUATED: _graduated,
    Model.VOLUME: _volume,
    Model.PACKAGE: _package,
    Model.PERCENTAGE: _percentage,
    Model.FLAT: _flat,
}
_SAMPLES = {
    Aggregation.MAX: "of the highest sample",
    Aggregation.LAST: "of the last sample",
    Aggregation.AVERAGE: "of the average over time",
    Aggregation.UNIQUE: "of how many instances used it",
    Aggregation.PERCENTILE_95: "of the 95th percentile of the samples",
}
