"""What lines are called, in every language that we print; rating writes English."""

import re
from collections.abc import Mapping
from datetime import date

from billing.documents.formats import Formats

_BASE_PRICE = {
    "en": "{name}: base price, {month}",
    "fr": "{name} : prix de base, {month}",
    "de": "{name}: Grundpreis, {month}",
}
_SETUP = {"en": "{name}: set-up", "fr": "{name} : mise en service", "de": "{name}: Einrichtung"}
_USAGE = {"en": "{name}: {meter}", "fr": "{name} : {meter}", "de": "{name}: {meter}"}
_LATE = {
    "en": "{name}: late {meter}, corrects {number}",
    "fr": "{name} : {meter}, relevés tardifs, rectifie {number}",
    "de": "{name}: {meter}, nachgemeldet, berichtigt {number}",
}
# Meters that have a name; others are printed as they are called.
_METERS: Mapping[str, Mapping[str, str]] = {
    "cpu_hours": {"en": "CPU hours", "fr": "heures CPU", "de": "CPU-Stunden"},
    "memory_gib_hours": {
        "en": "memory GiB-hours",
        "fr": "mémoire, Gio-heures",
        "de": "Speicher, GiB-Stunden",
    },
    "disk_gib_hours": {
        "en": "disk GiB-hours",
        "fr": "disque, Gio-heures",
        "de": "Festplatte, GiB-Stunden",
    },
    "network_in_gib": {"en": "GiB received", "fr": "Gio reçus", "de": "GiB empfangen"},
    "network_out_gib": {"en": "GiB sent", "fr": "Gio envoyés", "de": "GiB gesendet"},
}
# Parts of one charge, as rating names them behind a comma.
_PARTS: Mapping[str, Mapping[str, str]] = {
    r"minimum": {"fr": "minimum convenu", "de": "Mindestbetrag"},
    r"maximum": {"fr": "plafond", "de": "Höchstbetrag"},
    r"tier (\d+)": {"fr": r"palier \1", "de": r"Stufe \1"},
    r"tier (\d+) flat": {"fr": r"palier \1, forfait", "de": r"Stufe \1, pauschal"},
    # What is given back of a base price (billing.sla), with the times that did not hold.
    r"(\S+) % for (\S+) % availability, (\S+) % agreed(.*)": {
        "fr": r"\1 % pour une disponibilité de \2 %, \3 % convenus\4",
        "de": r"\1 % für \2 % Verfügbarkeit, \3 % vereinbart\4",
    },
}


def base_price(formats: Formats, *, name: str, month: date) -> str:
    """Return the name of a line for a month of a service."""
    return _BASE_PRICE[formats.language].format(name=name, month=formats.month(month))


def setup(language: str, *, name: str) -> str:
    """Return the name of a line for setting a service up."""
    return _SETUP[language].format(name=name)


def usage(language: str, *, name: str, meter: str) -> str:
    """Return the name of a line for what a meter counted."""
    return _USAGE[language].format(name=name, meter=_meter(meter, language))


def late(language: str, *, name: str, meter: str, number: str) -> str:
    """Return the name of a line for samples that came after their invoice."""
    return _LATE[language].format(name=name, meter=_meter(meter, language), number=number)


def part(language: str, words: str) -> str:
    """Return the name of a part of a charge; as rating wrote it where we have no other word."""
    for pattern, texts in _PARTS.items():
        found = re.fullmatch(pattern, words)
        if found and language in texts:
            return found.expand(texts[language])
    return words


def _meter(meter: str, language: str) -> str:
    return _METERS.get(meter, {}).get(language) or _unknown(meter)


def _unknown(meter: str) -> str:
    return meter.replace("_", " ").replace("cpu", "CPU").replace("gib hours", "GiB-hours")
