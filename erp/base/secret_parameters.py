"""Secret parameters: sealed one by one as soon as they are given, and never shown again.

A release says by `writeOnly` (JSON Schema) that a parameter is a secret. In every row it stands as
`{"$sealed": "…"}`; it is revealed for the node that runs the service, and for nobody else. It is
bound to the product and the name: the same value goes from the order to the line and the instance.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from erp.base.secrets import reveal, seal

SEALED = "$sealed"
HIDDEN = "(secret)"


def names_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the parameters that are secrets."""
    rules = schema.get("properties", {}).items()
    return frozenset(
        name for name, rule in rules if isinstance(rule, Mapping) and rule.get("writeOnly") is True
    )


def is_sealed(value: object) -> bool:
    """Return whether this is a secret as it is stored."""
    return isinstance(value, Mapping) and SEALED in value


def sealed(
    parameters: Mapping[str, Any],
    schema: Mapping[str, Any],
    *,
    product: str,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the parameters as they are stored; a secret that did not change is not sealed anew."""
    known, secret = revealed(before, product=product), names_of(schema)
    return {
        name: _sealed(product, name, value, known, before) if name in secret else value
        for name, value in parameters.items()
    }


def _sealed(
    product: str, name: str, value: Any, known: Mapping[str, Any], before: Mapping[str, Any]
) -> Any:
    if is_sealed(before.get(name)) and known[name] == value:
        return before[name]
    return {SEALED: seal(json.dumps(value), where=_place(product, name))}


def revealed(parameters: Mapping[str, Any], *, product: str) -> dict[str, Any]:
    """Return the parameters as they were given."""
    return {
        name: json.loads(reveal(value[SEALED], where=_place(product, name)))
        if is_sealed(value)
        else value
        for name, value in parameters.items()
    }


def shown(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as anybody may see them: of a secret, only that there is one."""
    return {name: HIDDEN if is_sealed(value) else value for name, value in parameters.items()}


def hide_in(text: str, parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a message without the secrets that it may repeat, as they are or quoted."""
    secret = [parameters[name] for name in names_of(schema) & set(parameters)]
    for value in texts_in(secret):
        for written in (value, repr(value)[1:-1]):
            text = text.replace(written, HIDDEN) if written else text
    return text


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in a value of JSON, names of objects included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from (name, *texts_in(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def _place(product: str, name: str) -> str:
    return f"parameter:{product}:{name}"
