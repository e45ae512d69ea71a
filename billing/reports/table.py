"""A report as data: columns, rows, a total; the page, CSV and XLSX are made of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from erp.base.errors import DomainError


class TooLong(DomainError):
    """The table is longer than a spreadsheet holds: choose a shorter period."""

    code = "too_long"


class Kind(StrEnum):
    """How the cells of a column are written."""

    TEXT = "text"
    MONEY = "money"
    DAY = "day"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; cells of money are minor units, None is an empty cell."""

    label: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `url` opens what stands behind it."""

    cells: tuple[Any, ...]
    url: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A report of one currency.

    Args:
        total: the cells of the last row, over all pages.
        next_after: where the next page begins; empty on the last one.
        note: one sentence below.
    """

    title: str
    currency: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    total: tuple[Any, ...] | None = None
    next_after: str = ""
    note: str = ""
    empty: str = "Nothing in this period."


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asked for: the days from `start` to `end`, both included.

    Args:
        account: the code of one account, for reports of one.
        after: the key behind which a page begins.
        limit: rows of a page; None is all of them, for a file.
    """

    start: date
    end: date
    currency: str
    account: str = ""
    after: str = ""
    basis: str = "invoiced"
    by: str = "customer"
    limit: int | None = 100

    def page(self, rows: Iterable[Any]) -> tuple[list[Any], bool]:
        """Return the rows of the page, read with one more than `limit`, and whether more follow."""
        found = list(rows)
        if self.limit is None or len(found) <= self.limit:
            return found, False
        return found[: self.limit], True


@dataclass(frozen=True, slots=True)
class Shown:
    """A cell with its column, for a template."""

    column: Column
    value: Any = field(default=None)


def shown(table: Table) -> Iterator[tuple[str, list[Shown]]]:
    """Return each row as its URL and its cells with their columns."""
    for row in table.rows:
        yield row.url, [Shown(*pair) for pair in zip(table.columns, row.cells, strict=True)]
