"""Which tax a sale of electronic services bears: pure, with its rule in words as evidence.

Source: directive 2006/112/EC, articles 44, 45, 58 and 196; docs/adr/0011-tax.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from erp.base.errors import DomainError

_BEGINNING = date(2000, 1, 1)

# Standard rates in percent, each from a date on, newest first.
_RATES: Mapping[str, tuple[tuple[date, str], ...]] = {
    "AT": ((_BEGINNING, "20"),),
    "BE": ((_BEGINNING, "21"),),
    "BG": ((_BEGINNING, "20"),),
    "CY": ((_BEGINNING, "19"),),
    "CZ": ((_BEGINNING, "21"),),
    "DE": ((date(2021, 1, 1), "19"), (date(2020, 7, 1), "16"), (_BEGINNING, "19")),
    "DK": ((_BEGINNING, "25"),),
    "EE": ((date(2025, 7, 1), "24"), (date(2024, 1, 1), "22"), (_BEGINNING, "20")),
    "ES": ((_BEGINNING, "21"),),
    "FI": ((date(2024, 9, 1), "25.5"), (_BEGINNING, "24")),
    "FR": ((_BEGINNING, "20"),),
    "GR": ((_BEGINNING, "24"),),
    "HR": ((_BEGINNING, "25"),),
    "HU": ((_BEGINNING, "27"),),
    "IE": ((_BEGINNING, "23"),),
    "IT": ((_BEGINNING, "22"),),
    "LT": ((_BEGINNING, "21"),),
    "LU": ((date(2024, 1, 1), "17"), (date(2023, 1, 1), "16"), (_BEGINNING, "17")),
    "LV": ((_BEGINNING, "21"),),
    "MT": ((_BEGINNING, "18"),),
    "NL": ((_BEGINNING, "21"),),
    "PL": ((_BEGINNING, "23"),),
    "PT": ((_BEGINNING, "23"),),
    "RO": ((date(2025, 8, 1), "21"), (_BEGINNING, "19")),
    "SE": ((_BEGINNING, "25"),),
    "SI": ((_BEGINNING, "22"),),
    "SK": ((date(2025, 1, 1), "23"), (_BEGINNING, "20")),
}
# Countries whose VAT numbers begin otherwise than their ISO code.
_PREFIXES = {"GR": "EL"}


@dataclass(frozen=True, slots=True)
class Party:
    """What the decision looks at."""

    country: str
    vat_number: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a buyer's VAT number: whether it is good, and how we know."""

    is_valid: bool
    words: str


class NotConfirmed(DomainError):
    """Nobody has confirmed yet that the buyer's VAT number is valid."""

    code = "vat_number_not_confirmed"


@dataclass(frozen=True, slots=True)
class Decision:
    """Category and rate (EN 16931 BT-151, BT-152), the exemption's code, and the rule in words."""

    category: str
    rate: Decimal
    rule: str
    exemption_code: str = ""
    exemption_reason: str = ""


def needs_evidence(*, seller: Party, buyer: Party) -> bool:
    """Return whether the tax hangs on the validity of the buyer's VAT number."""
    is_across = buyer.country != seller.country and seller.country in _RATES
    is_within = buyer.country in _RATES
    return is_across and is_within and is_number_of(buyer.vat_number, buyer.country)


def decide(*, seller: Party, buyer: Party, on: date, evidence: Evidence | None = None) -> Decision:
    """Return the tax of a sale on a day.

    Raises:
        NotConfirmed: the buyer would owe the tax, and there is no evidence of the number.
    """
    if seller.country not in _RATES:
        rule = f"The seller is in {seller.country}, outside the EU: no EU tax is charged."
        return _free("O", "VATEX-EU-O", "Not subject to VAT", rule)
    if buyer.country not in _RATES:
        rule = f"The buyer is in {buyer.country}, outside the EU: taxed there."
        return _free("G", "VATEX-EU-G", "Supplied outside the European Union", rule)
    if needs_evidence(seller=seller, buyer=buyer):
        if evidence is None:
            raise NotConfirmed(
                f"VAT number {buyer.vat_number} is not confirmed by VIES yet, and nothing is "
                "guessed. It is asked by itself; or confirm the number on the customer's page."
            )
        if evidence.is_valid:
            rule = (
                f"The buyer is in {buyer.country} with VAT number {buyer.vat_number}: "
                f"the buyer owes the tax (articles 44 and 196). {evidence.words}"
            )
            return _free("AE", "VATEX-EU-AE", "Reverse charge", rule)
    rate = standard_rate(seller.country, on)
    return Decision("S", rate, f"{_why_domestic(seller, buyer)}: {rate} % on {on.isoformat()}.")


def standard_rate(country: str, on: date) -> Decimal:
    """Return the standard rate of an EU country on a day."""
    return next(Decimal(rate) for since, rate in _RATES[country] if since <= on)


def is_number_of(number: str, country: str) -> bool:
    """Return whether this is a VAT number of that country whose check digits are right."""
    prefix = _PREFIXES.get(country, country)
    try:
        return bool(vat.validate(number).startswith(prefix))
    except ValidationError:
        return False


def _free(category: str, code: str, reason: str, rule: str) -> Decision:
    return Decision(category, Decimal(0), rule, code, reason)


def _why_domestic(seller: Party, buyer: Party) -> str:
    if buyer.country == seller.country:
        return f"Seller and buyer are in {seller.country}: its standard rate"
    return (
        f"The buyer in {buyer.country} has no valid VAT number: "
        f"the standard rate of {seller.country}"
    )
