"""How the command line shows things: tables for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

# ISO 4217: digits after the decimal point, for the currencies that do not have two.
_EXPONENTS = {
    "JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "XAF": 0, "XOF": 0, "XPF": 0,
    "KWD": 3, "BHD": 3, "TND": 3, "JOD": 3, "OMR": 3, "IQD": 3, "LYD": 3,
}  # fmt: skip
_WIDEST = 60


def money(minor: int | None, currency: str) -> str:
    """Return an amount in major units: 1234 cents are 12.34 EUR."""
    if minor is None:
        return ""
    digits = _EXPONENTS.get(currency, 2)
    sign, whole = ("-" if minor < 0 else ""), str(abs(minor)).rjust(digits + 1, "0")
    shown = f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole
    return f"{sign}{shown} {currency}".rstrip()


def as_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


Cell = str | Callable[[Mapping[str, Any]], Any]


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Cell], *, empty: str) -> None:
    """Print rows under headings; nothing to print is said in words."""
    lines = [[_cell(row, how) for how in columns.values()] for row in rows]
    if not lines:
        click.echo(empty)
        return
    heads = [name.upper() for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for line in (heads, *lines):
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def _cell(row: Mapping[str, Any], how: Cell) -> str:
    value = how(row) if callable(how) else row.get(how)
    text = "" if value is None else " ".join(str(value).split())
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def facts(row: Mapping[str, Any]) -> None:
    """Print one object, a fact a line; what is inside it below, indented."""
    for name, value in row.items():
        if isinstance(value, dict | list) and value:
            click.echo(f"{name}:")
            _inside(value, "  ")
        else:
            click.echo(f"{name}: {_plain(value)}")


def _inside(value: Any, indent: str) -> None:
    items: Sequence[tuple[str, Any]]
    items = list(value.items()) if isinstance(value, dict) else [("-", one) for one in value]
    for name, inner in items:
        if isinstance(inner, dict | list) and inner:
            click.echo(f"{indent}{name}")
            _inside(inner, indent + "  ")
        else:
            click.echo(f"{indent}{name} {_plain(inner)}")


def _plain(value: Any) -> str:
    return "" if value is None or value in ({}, []) else str(value)
