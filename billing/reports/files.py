"""A report as a file: CSV line by line, or an XLSX workbook with real numbers and days."""

import csv
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any

import xlsxwriter
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from billing.reports.table import Column, Kind, Table, TooLong
from erp.base.exports import Echo, harmless
from erp.base.money import Amount, exponent

# A sheet holds 1,048,576 rows; far before that nobody reads it.
MOST_ROWS = 200_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def csv_lines(table: Table) -> Iterator[str]:
    """Return the table as CSV: amounts with a point, days as ISO 8601."""
    writer = csv.writer(Echo())
    labels = [column.label for column in table.columns]
    yield writer.writerow([*labels, "Currency"])
    for row in table.rows:
        cells = zip(table.columns, row.cells, strict=True)
        plain = [_plain(column, value, table.currency) for column, value in cells]
        yield writer.writerow([*plain, table.currency])


def _plain(column: Column, value: Any, currency: str) -> Any:
    if value is None:
        return ""
    if column.kind == Kind.MONEY:
        return Amount(value, currency).decimal()
    return harmless(value) if isinstance(value, str) else value


def workbook(table: Table) -> bytes:
    """Return the table as a workbook of one sheet; texts are never formulas.

    Raises:
        TooLong: there are more rows than `MOST_ROWS`.
    """
    buffer = BytesIO()
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(buffer, options) as book:
        sheet = book.add_worksheet(table.title[:31].replace("/", " "))
        bold = book.add_format({"bold": True})
        decimals = "." + "0" * exponent(table.currency) if exponent(table.currency) else ""
        looks = {
            Kind.MONEY: book.add_format({"num_format": f"#,##0{decimals}"}),
            Kind.DAY: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        sheet.freeze_panes(1, 0)
        for position, column in enumerate(table.columns):
            sheet.set_column(position, position, 14 if column.kind != Kind.TEXT else 24)
            sheet.write_string(0, position, _label(column, table.currency), bold)
        for number, row in enumerate(table.rows, 1):
            if number > MOST_ROWS:
                raise TooLong(f"More than {MOST_ROWS} rows: choose a shorter period, or CSV.")
            for position, value in enumerate(row.cells):
                _write(sheet, (number, position), table, value, looks)
    return buffer.getvalue()


def _label(column: Column, currency: str) -> str:
    return f"{column.label} ({currency})" if column.kind == Kind.MONEY else column.label


def _write(
    sheet: Any, place: tuple[int, int], table: Table, value: Any, looks: dict[Kind, Any]
) -> None:
    kind = table.columns[place[1]].kind
    if value is None:
        return
    if kind == Kind.MONEY:
        sheet.write_number(*place, Amount(value, table.currency).decimal(), looks[kind])
    elif isinstance(value, date):
        sheet.write_datetime(*place, value, looks[Kind.DAY])
    elif isinstance(value, int):
        sheet.write_number(*place, value)
    else:
        sheet.write_string(*place, str(value))


def file_of(table: Table, name: str, wanted: str) -> HttpResponseBase:
    """Return a table as a download: `csv`, streamed, or `xlsx`."""
    answer: HttpResponseBase
    if wanted == "csv":
        answer = StreamingHttpResponse(csv_lines(table), content_type="text/csv; charset=utf-8")
    else:
        answer = HttpResponse(workbook(table), content_type=_XLSX)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.{wanted}"'
    return answer
