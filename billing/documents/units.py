"""Units of measure: our meters' units as codes of UN/ECE recommendation 20, and their names.

The recommendation knows no GiB-hour: it is billed by "one" (C62) and named in words.
"""

from collections.abc import Mapping

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
_NAMES: Mapping[str, Mapping[str, str]] = {
    "SEC": {"en": "s", "fr": "s", "de": "s"},
    "HUR": {"en": "h", "fr": "h", "de": "h"},
    "DAY": {"en": "days", "fr": "jours", "de": "Tage"},
    "MON": {"en": "months", "fr": "mois", "de": "Monate"},
    "ANN": {"en": "years", "fr": "ans", "de": "Jahre"},
    "E34": {"en": "GB", "fr": "Go", "de": "GB"},
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


def name_of(code: str, language: str) -> str:
    """Return the printed name of a code; nothing for "one"."""
    if code == ONE:
        return ""
    return _NAMES.get(code, {}).get(language, code)
