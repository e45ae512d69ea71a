"""Snapshots as JSON and back, without a loss: no float ever, every field by its declared type."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from erp.base.errors import DomainError

T = TypeVar("T")
_AS_THEY_ARE = frozenset({str, int, type(None)})
_NAMES: dict[type, tuple[str, ...]] = {}


class UnknownVersion(DomainError):
    """The snapshot was written in a form that this program does not know."""

    code = "unknown_snapshot_version"


class Malformed(DomainError):
    """The stored text is not a snapshot."""

    code = "malformed_snapshot"


def dump(value: Any) -> Any:
    """Return a dataclass, tuple or plain value as JSON values."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return [dump(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, StrEnum):
        return value.value
    assert is_dataclass(value), f"{kind} cannot be frozen exactly"
    return {name: dump(getattr(value, name)) for name in names_in(value)}


def names_in(value: Any) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass, looked up once per class."""
    kind = type(value)
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(value))
    return _NAMES[kind]


def load(frozen: Mapping[str, Any], kind: type[T], *, version: int) -> T:
    """Return the dataclass of which `dump` made this."""
    facts = dict(frozen)
    found = facts.pop("version", None)
    if found != version:
        raise UnknownVersion(f"Version {found!r} of the snapshot is unknown; {version} is known.")
    made = _load(facts, kind)
    assert isinstance(made, kind)
    return made


def _load(value: Any, kind: Any) -> Any:
    if isinstance(kind, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
        return None if value is None else _load(value, kind)
    if get_origin(kind) is tuple:
        _expect(isinstance(value, list), value, "a list")
        return tuple(_load(one, get_args(kind)[0]) for one in value)
    if is_dataclass(kind):
        return _load_dataclass(value, kind)
    if kind is int or kind is str:
        _expect(type(value) is kind, value, kind.__name__)
        return value
    _expect(isinstance(value, str), value, "text")
    try:
        return date.fromisoformat(value) if kind is date else kind(value)
    except (ValueError, InvalidOperation) as error:
        raise Malformed(f"{value!r} is not a {kind.__name__}.") from error


def _load_dataclass(value: Any, kind: Any) -> Any:
    _expect(isinstance(value, Mapping), value, kind.__name__)
    hints = get_type_hints(kind)
    _expect(
        set(value) <= set(hints), sorted(set(value) - set(hints)), f"a field of {kind.__name__}"
    )
    try:
        return kind(**{name: _load(one, hints[name]) for name, one in value.items()})
    except TypeError as error:
        raise Malformed(f"{kind.__name__}: {error}.") from error


def _expect(holds: bool, value: Any, what: str) -> None:
    if not holds:
        raise Malformed(f"{value!r} is not {what}.")
