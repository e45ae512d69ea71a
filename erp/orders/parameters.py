"""Check parameters against the JSON Schema that their release declares."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema

from erp.base import secret_parameters
from erp.base.errors import DomainError
from erp.base.secret_parameters import SEALED, texts_in
from erp.ports import product_source


class BadParameters(DomainError):
    """The parameters do not fit what the software takes."""

    code = "bad_parameters"
    status = 422


def as_stored(
    product: str,
    software_type: str,
    parameters: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the parameters as they are stored: checked, their secrets sealed.

    Args:
        before: as they are stored now; a secret that is not given again stays what it was.

    Raises:
        BadParameters: `facts["errors"]` maps each field to what is wrong with it.
    """
    if not _can_be_stored(parameters):
        raise BadParameters(errors={"parameters": "these signs or numbers cannot be stored"})
    schema, before = product_source().schema(product, software_type), before or {}
    kept = {name: value for name, value in before.items() if secret_parameters.is_sealed(value)}
    whole = secret_parameters.revealed(kept, product=product) | dict(parameters)
    _check(whole, schema)
    return secret_parameters.sealed(whole, schema, product=product, before=before)


def _check(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    errors = {
        _place(error): secret_parameters.hide_in(error.message, parameters, schema)
        for error in validator.iter_errors(parameters)
    }
    if errors:
        sentences = "; ".join(f"{field}: {message}" for field, message in sorted(errors.items()))
        raise BadParameters(f"Please correct the parameters: {sentences}.", errors=errors)


def _place(error: jsonschema.ValidationError) -> str:
    return ".".join(str(part) for part in error.absolute_path) or "parameters"


def _can_be_stored(parameters: Mapping[str, Any]) -> bool:
    """Return whether PostgreSQL holds this JSON: no NUL, no half sign, no infinity, no abyss.

    Nor may anybody hand in what looks like a secret that was sealed.
    """
    try:
        json.dumps(parameters, allow_nan=False, ensure_ascii=False).encode()
        return not any("\0" in text or text == SEALED for text in texts_in(parameters))
    except (ValueError, RecursionError):
        return False
