"""A long document: a row per charge on the page, and every line in a file that the PDF carries."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.documents.snapshot import Line, Snapshot
from erp.base.exports import harmless
from erp.base.money import Amount

# More lines than this are printed together, a row per charge: some four pages, in half a second.
MOST_ON_THE_PAGE = 100
_COLUMNS = (
    "position", "name", "first_day", "last_day", "quantity", "unit", "unit_price", "net",
    "currency", "tax_category", "tax_rate", "evidence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """What is printed as one row: a line, or all lines of a charge.

    Args:
        lines: how many lines it stands for.
        quantity: their sum where they count the same; None where they do not.
        unit_price: what they all cost a piece; None where they differ.
    """

    name: str
    lines: Sequence[Line]
    quantity: Decimal | None
    unit_price: Decimal | None
    net_minor: int

    @property
    def first(self) -> Line:
        """Return a line for what they have in common: unit and tax."""
        return self.lines[0]

    @property
    def period(self) -> tuple[date | None, date | None]:
        """Return the first and the last day of them all."""
        starts = [one.period_start_on for one in self.lines if one.period_start_on]
        ends = [one.period_end_on for one in self.lines if one.period_end_on]
        return min(starts, default=None), max(ends, default=None)


def is_long(snapshot: Snapshot) -> bool:
    """Return whether a document is printed by its charges."""
    return any(one.charge for one in snapshot.lines)


def rows_of(lines: Iterable[Line]) -> list[Row]:
    """Return a row per charge and tax, in the order of their first lines."""
    groups: dict[tuple[str, str, Decimal], list[Line]] = {}
    for one in lines:
        groups.setdefault((one.charge, one.tax_category, one.tax_rate), []).append(one)
    return [_row(name, its) for (name, _, _), its in groups.items()]


def _row(name: str, lines: Sequence[Line]) -> Row:
    units = {(one.unit, one.unit_label) for one in lines}
    prices = {one.unit_price for one in lines}
    return Row(
        name=name,
        lines=lines,
        quantity=sum((one.quantity for one in lines), Decimal(0)) if len(units) == 1 else None,
        unit_price=next(iter(prices)) if len(units) == len(prices) == 1 else None,
        net_minor=sum(one.net_minor for one in lines),
    )


def file_name(snapshot: Snapshot) -> str:
    """Return what the file of all lines is called."""
    return f"{snapshot.number}-lines.csv"


def file_of(snapshot: Snapshot) -> bytes:
    """Return every line of a document as CSV (UTF-8, with a mark for spreadsheets)."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(_COLUMNS)
    for one in snapshot.lines:
        table.writerow(_cells(one, snapshot.currency))
    return written.getvalue().encode("utf-8-sig")


def _cells(line: Line, currency: str) -> list[str]:
    return [
        line.position,
        harmless(line.name),
        str(line.period_start_on or ""),
        str(line.period_end_on or ""),
        f"{line.quantity:f}",
        harmless(line.unit_label or line.unit),
        f"{line.unit_price:f}",
        str(Amount(line.net_minor, currency).decimal()),
        currency,
        line.tax_category,
        f"{line.tax_rate:f}",
        harmless(line.evidence),
    ]
