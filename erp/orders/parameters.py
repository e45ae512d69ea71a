"""Check parameters against the JSON Schema that their release declares."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from erp.base.errors import DomainError
from erp.ports import product_source


class BadParameters(DomainError):
    """The parameters do not fit what the software takes."""

    code = "bad_parameters"
    status = 422


def check(product: str, software_type: str, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters outside the schema.

    Raises:
        BadParameters: `facts["errors"]` maps each field to what is wrong with it.
    """
    if not _can_be_stored(parameters):
        raise BadParameters(errors={"parameters": "these signs or numbers cannot be stored"})
    schema = product_source().schema(product, software_type)
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    errors = {_place(error): error.message for error in validator.iter_errors(parameters)}
    if errors:
        sentences = "; ".join(f"{field}: {message}" for field, message in sorted(errors.items()))
        raise BadParameters(f"Please correct the parameters: {sentences}.", errors=errors)


def _place(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "parameters"


def _can_be_stored(parameters: Mapping[str, Any]) -> bool:
    """Return whether PostgreSQL holds this JSON: no NUL, no half sign, no infinity, no abyss."""
    try:
        json.dumps(parameters, allow_nan=False, ensure_ascii=False).encode()
        return not any("\0" in text for text in _texts(parameters))
    except (ValueError, RecursionError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from (name, *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
