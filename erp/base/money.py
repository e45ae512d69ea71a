"""Money: prices are exact decimals that multiply, amounts are whole minor units that add."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from erp.base.errors import DomainError

# ISO 4217: digits after the decimal point, for the currencies that do not have two.
_EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0}
_EXPONENTS |= {"KWD": 3, "BHD": 3, "TND": 3, "JOD": 3, "OMR": 3, "IQD": 3, "LYD": 3}


class CurrencyMismatch(DomainError):
    """Amounts of two currencies cannot be added."""

    code = "currency_mismatch"


class CurrencyUnsupported(DomainError):
    """This is no currency that we can count in."""

    code = "currency_unsupported"
    status = 422


def check_currency(currency: str) -> str:
    """Return the currency if an invoice can be written in it.

    Raises:
        CurrencyUnsupported: it is no code of ISO 4217.
    """
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise CurrencyUnsupported("A currency is three capital letters, ISO 4217: EUR.")
    return currency


def exponent(currency: str) -> int:
    """Return how many decimals the currency has (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Amount:
    """A whole number of minor units (cents) of one currency."""

    minor: int
    currency: str

    def __add__(self, other: "Amount") -> "Amount":
        self._same_currency(other)
        return Amount(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Amount") -> "Amount":
        self._same_currency(other)
        return Amount(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Amount":
        return Amount(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.decimal()} {self.currency}"

    def decimal(self) -> Decimal:
        """Return the amount in major units, exactly."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def _same_currency(self, other: "Amount") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"Cannot add {other.currency} to {self.currency}.")


def round_minor(exact: Decimal) -> int:
    """Round an exact number of minor units half up, away from zero: the only rounding there is."""
    return int(exact.to_integral_value(ROUND_HALF_UP))


def charge(*, unit_price: Decimal, quantity: Decimal, currency: str) -> Amount:
    """Price one line; round half up once, at the end."""
    return Amount(round_minor((unit_price * quantity).scaleb(exponent(currency))), currency)


def tax(net_minor: int, rate_percent: Decimal) -> int:
    """Return the tax on a net total, in minor units, rounded once per rate (EN 16931 BR-CO-17)."""
    return round_minor(Decimal(net_minor) * rate_percent / 100)
