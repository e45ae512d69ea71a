"""Units of measure: our meters' units as codes of UN/ECE recommendation 20, and their names.

The recommendation knows no GiB-hour: it is billed by "one" (C62) and named in words.
"""

from collections.abc import Mapping
from decimal import Decimal

ONE = "C62"
_CODES: Mapping[str, str] = {
    "": ONE,
    "s": "SEC",
    "h": "HUR",
    "d": "DAY",
    "month": "MON",
    "year": "ANN",
    "GB": "E34",
    "GiB.h": ONE,
}
# How one of it is named, and how many are.
_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "SEC": {"en": ("s", "s"), "fr": ("s", "s"), "de": ("s", "s")},
    "HUR": {"en": ("h", "h"), "fr": ("h", "h"), "de": ("h", "h")},
    "DAY": {"en": ("day", "days"), "fr": ("jour", "jours"), "de": ("Tag", "Tage")},
    "MON": {"en": ("month", "months"), "fr": ("mois", "mois"), "de": ("Monat", "Monate")},
    "ANN": {"en": ("year", "years"), "fr": ("an", "ans"), "de": ("Jahr", "Jahre")},
    "E34": {"en": ("GB", "GB"), "fr": ("Go", "Go"), "de": ("GB", "GB")},
}
_LABELS: Mapping[str, Mapping[str, str]] = {
    "GiB.h": {"en": "GiB·h", "fr": "Gio·h", "de": "GiB·h"},
}


def code_of(unit: str) -> str:
    """Return the code under which a unit is invoiced; what has none is counted by one."""
    return _CODES.get(unit, ONE)


def label_of(unit: str, language: str) -> str:
    """Return how a unit is printed when its code does not say it; empty when the code does."""
    if unit in _LABELS:
        return _LABELS[unit][language]
    return "" if unit in _CODES else unit


def name_of(code: str, language: str, quantity: Decimal) -> str:
    """Return the printed name of a code for a quantity; nothing for "one".

    French counts in the singular up to two.
    """
    if code == ONE:
        return ""
    one, many = _NAMES.get(code, {}).get(language, (code, code))
    is_one = abs(quantity) < 2 if language == "fr" else abs(quantity) == 1
    return one if is_one else many
