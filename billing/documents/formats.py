"""Numbers, amounts and dates as a language writes them; exact, never through a float."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from billing.documents.rules import MOST_DECIMALS

_LOCALES = {"en": "en_GB", "fr": "fr_FR", "de": "de_DE"}
_MOST = "#" * MOST_DECIMALS


@dataclass(frozen=True, slots=True)
class Formats:
    """How one document writes its numbers: a language, a currency and the currency's decimals."""

    language: str
    currency: str
    exponent: int

    @property
    def locale(self) -> Locale:
        """Return Babel's locale; English is the European one, day before month."""
        return _locale(self.language)

    def money(self, minor: int) -> str:
        """Return an amount with its currency; letters stand apart from the digits."""
        pattern = str(self.locale.currency_formats["standard"].pattern)
        if get_currency_symbol(self.currency, locale=self.locale)[-1].isalpha():
            pattern = pattern.replace("¤#", "¤\xa0#")
        return format_currency(
            self._major(minor),
            self.currency,
            format=pattern.replace("0.00", self._decimals()),
            locale=self.locale,
            currency_digits=False,
        )

    def amount(self, minor: int) -> str:
        """Return an amount alone, with all decimals of the currency."""
        return format_decimal(
            self._major(minor), format=f"#,##{self._decimals()}", locale=self.locale
        )

    def price(self, exact: Decimal) -> str:
        """Return a unit price: at least the decimals of the currency, and all that it has."""
        least = self._decimals() if self.exponent else "0."
        most = _MOST[self.exponent :]
        return format_decimal(exact, format=f"#,##{least}{most}", locale=self.locale)

    def number(self, exact: Decimal | int) -> str:
        """Return a quantity or rate without needless zeros."""
        return format_decimal(exact, format=f"#,##0.{_MOST}", locale=self.locale)

    def day(self, day: date) -> str:
        """Return a date in words."""
        return format_date(day, format="long", locale=self.locale)

    def short_day(self, day: date) -> str:
        """Return day and month, for small print beside a dated period."""
        return _skeleton(self.language, "MMMd", day)

    def month(self, day: date) -> str:
        """Return the month of a day in words, with its year."""
        return _skeleton(self.language, "yMMMM", day)

    def country(self, code: str) -> str:
        """Return the name of a country; its code where the language has none."""
        return str(self.locale.territories.get(code, code))

    def _major(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.exponent)

    def _decimals(self) -> str:
        return f"0.{'0' * self.exponent}" if self.exponent else "0"


# A run prints the same few days on thousands of documents.
@lru_cache(maxsize=1024)
def _skeleton(language: str, skeleton: str, day: date) -> str:
    return format_skeleton(skeleton, day, locale=_locale(language))


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_LOCALES[language])
