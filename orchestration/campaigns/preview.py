"""What an upgrade changes for a service, in sentences: pure."""

from collections.abc import Mapping
from typing import Any

import jsonschema

MOST = 20


def changes(before: Mapping[str, Any], after: Mapping[str, Any], software_type: str) -> list[str]:
    """Return what changes between two profiles of a product for one software type."""
    old, new = _type_of(before, software_type), _type_of(after, software_type)
    if new is None:
        return [f"The new release has no type {software_type}: such services cannot be upgraded."]
    said = _of_parameters(_properties(old or {}), _properties(new), new)
    gone = sorted(set(_meters(old or {})) - set(_meters(new)))
    come = sorted(set(_meters(new)) - set(_meters(old or {})))
    said += [
        f"It no longer measures {name}: what is priced by it is billed no more." for name in gone
    ]
    said += [f"It measures {name}, which no price names yet." for name in come]
    return said[:MOST] or ["Parameters and meters stay as they are."]


def _type_of(profile: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = profile.get("types", {}).get(name)
    return found


def _properties(kind: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = kind.get("parameters", {}).get("properties", {})
    return found


def _meters(kind: Mapping[str, Any]) -> list[str]:
    return [str(one["name"]) for one in kind.get("meters", [])]


def _of_parameters(
    old: Mapping[str, Any], new: Mapping[str, Any], kind: Mapping[str, Any]
) -> list[str]:
    required = set(kind.get("parameters", {}).get("required", []))
    said = []
    for name in sorted(set(new) - set(old)):
        needed = "it must be given" if name in required else _default(new[name])
        said.append(f"There is a new parameter {name}: {needed}.")
    said += [f"The parameter {name} is gone." for name in sorted(set(old) - set(new))]
    for name in sorted(set(old) & set(new)):
        if old[name] != new[name]:
            before, after = _default(old[name]), _default(new[name])
            more = f", {after} instead of: {before}" if before != after else ""
            said.append(f"The parameter {name} has other rules{more}.")
    return said


def _default(rule: Mapping[str, Any]) -> str:
    return f"by default {rule['default']!r}" if "default" in rule else "without a default"


def misfit(profile: Mapping[str, Any], software_type: str, parameters: Mapping[str, Any]) -> str:
    """Return why an instance cannot be upgraded as it is; nothing when it can."""
    kind = _type_of(profile, software_type)
    if kind is None:
        return f"the new release has no type {software_type}"
    schema = kind.get("parameters", {"type": "object"})
    validator = jsonschema.Draft202012Validator(schema)
    error = next(iter(validator.iter_errors(dict(parameters))), None)
    if error is None:
        return ""
    where = "/".join(str(part) for part in error.absolute_path)
    # The value is not repeated: it may be a secret.
    place = f" at {where}" if where else ""
    return f"its parameters do not fit the new release{place}: {error.validator}"


def has_data(profile: Mapping[str, Any], software_type: str) -> bool:
    """Return whether services of this type keep data that an upgrade could harm.

    A release that declares how it is saved keeps some; one that says nothing is not trusted.
    """
    kind = _type_of(profile, software_type) or {}
    return bool(kind.get("backup", profile.get("backup", True)))
