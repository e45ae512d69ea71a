"""What a plan promises of backups: one published schema, and its check. Pure."""

from collections.abc import Mapping
from typing import Any

import jsonschema

from erp.base.errors import DomainError

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:tenantry:backup:1",
    "title": "How the data are kept safe",
    "type": "object",
    "additionalProperties": False,
    "required": ["every_minutes"],
    "properties": {
        "every_minutes": {"type": "integer", "minimum": 5, "maximum": 10080},
        "keep": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {"type": "integer", "minimum": 0, "maximum": 1000}
                for name in ("hourly", "daily", "weekly")
            },
        },
        "where": {"enum": ["node", "region", "network"]},
        "most_gib": {"type": "integer", "minimum": 1, "maximum": 100_000},
        "takeover_minutes": {"type": "integer", "minimum": 1, "maximum": 10080},
        "priority": {"type": "integer", "minimum": 0, "maximum": 100},
        "drill_days": {"type": "integer", "minimum": 1, "maximum": 365},
    },
}
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class BadBackup(DomainError):
    """The backup policy cannot be so."""

    code = "bad_backup"
    status = 422


def check(policy: Mapping[str, Any]) -> None:
    """Refuse a policy that nobody could carry out; none at all is one that backs up nothing.

    Raises:
        BadBackup: says what is wrong.
    """
    if policy:
        for error in _VALIDATOR.iter_errors(dict(policy)):
            where = str(error.absolute_path[0]) if error.absolute_path else "policy"
            raise BadBackup(f"The backup's {where} cannot be so: {error.message[:200]}.")
