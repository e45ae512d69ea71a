"""Fields in canned answers: a known word in braces becomes what it stands for, nothing else."""

import re
from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
    "ticket": "its reference",
    "subject": "its subject",
    "customer": "the organisation's name",
    "service": "the service that it is about",
    "person": "who wrote last on the other side",
    "agent": "who answers",
}
_FIELD = re.compile(r"\{([a-z_]{1,30})\}")


def filled(body: str, values: Mapping[str, str]) -> str:
    """Return the text with its fields filled; what a value holds is never a field again."""
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), body)


def unknown(body: str) -> list[str]:
    """Return the fields of a text that nobody knows, each once."""
    return sorted({name for name in _FIELD.findall(body) if name not in FIELDS})
