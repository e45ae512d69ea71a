"""What may be wished of the place of an instance: one published schema, and its check. Pure."""

from collections.abc import Mapping
from typing import Any

import jsonschema

from erp.base.errors import DomainError

_NAME = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,60}$"}
_NAMES = {"type": "array", "items": _NAME, "minItems": 1, "maxItems": 20, "uniqueItems": True}
_COUNTRY = {"type": "string", "pattern": "^[A-Z]{2}$"}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:tenantry:placement:1",
    "title": "Where an instance may go",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "node": _NAME | {"title": "Node", "description": "Its name or reference."},
        "region": _NAME | {"title": "Region", "description": "The one region that it runs in."},
        "regions": _NAMES
        | {"title": "Allowed regions", "description": "It never leaves these regions."},
        "countries": {
            "type": "array",
            "items": _COUNTRY,
            "minItems": 1,
            "maxItems": 60,
            "uniqueItems": True,
            "title": "Allowed countries",
            "description": "The data never leave these countries (ISO 3166, two letters).",
        },
        "network": _NAME | {"title": "Network", "description": "The one network that it runs in."},
        "with": _NAMES
        | {
            "title": "Same node as",
            "description": "Services (C-…) or instances (I-…) of the same customer.",
        },
        "not_with": _NAMES
        | {
            "title": "Not the same node as",
            "description": "Services (C-…) or instances (I-…) of the same customer.",
        },
        "unique_by_network": {
            "type": "boolean",
            "title": "One per network",
            "description": "The customer's instances of one product share no network.",
        },
        "labels": _NAMES
        | {"title": "Capabilities", "description": "The node has all of these labels."},
        "dedicated": {
            "type": "boolean",
            "title": "Dedicated nodes only",
            "description": "Only nodes that take nobody else's instances.",
        },
    },
}
FILTERS = frozenset(SCHEMA["properties"])
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class UnknownFilter(DomainError):
    """The SLA names a filter that does not exist."""

    code = "unknown_filter"
    status = 422


class BadFilter(DomainError):
    """A filter of the SLA has a value that it cannot have."""

    code = "bad_filter"
    status = 422


def check(sla: Mapping[str, Any]) -> None:
    """Refuse what would never be fulfilled, silently.

    Raises:
        UnknownFilter: names the filters that there are.
        BadFilter: says what the value should be.
    """
    unknown = sorted(str(name) for name in set(sla) - FILTERS)
    if unknown:
        known = sorted(FILTERS)
        raise UnknownFilter(
            f"Unknown SLA filter {unknown[0][:40]!r}; there are: {', '.join(known)}.", known=known
        )
    for error in _VALIDATOR.iter_errors(dict(sla)):
        name = str(error.absolute_path[0])
        raise BadFilter(f"The SLA filter {name!r} cannot be so: {error.message[:200]}.")
