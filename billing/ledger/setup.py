"""Choose the chart of an organisation's books, and put parts of it on other accounts from a day."""

import re
from datetime import date, datetime

from django.db import transaction

from billing.ledger.charts import CHARTS
from billing.ledger.models import Account, Books, PartAccount
from billing.ledger.services import books_of, chart_of, check_open, take_turn
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation

_CODE = re.compile(r"[0-9]{3,8}")


class ChartInUse(DomainError):
    """The chart of books with entries stays: map single parts to other accounts instead."""

    code = "chart_in_use"


class PartUnknown(DomainError):
    """The chart has no such part, or the account is none."""

    code = "part_unknown"
    status = 422


@transaction.atomic
def choose_chart(
    books: Organisation, *, key: str, year_starts_month: int, at: datetime, by: str
) -> None:
    """Take one of the charts, and the month in which the financial year starts.

    Raises:
        PartUnknown: there is no such chart or month.
        ChartInUse: something is booked already, with another chart or year.
    """
    if key not in CHARTS or not 1 <= year_starts_month <= 12:
        raise PartUnknown(f"There is no chart {key}, or no month {year_starts_month}.")
    take_turn(books)
    row = books_of(books)
    if (row.chart, row.year_starts_month) == (key, year_starts_month):
        return
    if row.last_position:
        raise ChartInUse(
            f"{row.last_position} entries are booked with “{CHARTS[row.chart].name}”: the chart "
            "and the year stay. Put single parts on other accounts from a day on."
        )
    if PartAccount.objects.filter(organisation=books).exists():
        raise ChartInUse("Parts of the chart are mapped already: the chart stays.")
    Books.objects.filter(pk=row.pk).update(chart=key, year_starts_month=year_starts_month)
    record(books, "chart_chosen", at=at, by=by, chart=key, month=year_starts_month)


@transaction.atomic
def map_part(
    books: Organisation, mapping: tuple[str, str, str], *, from_on: date, at: datetime, by: str
) -> PartAccount:
    """Book a part on another account from a day on; what was booked stays where it is.

    Args:
        mapping: the part, and code and name of the account.

    Raises:
        PartUnknown: the chart has no such part, or the account is used for another one.
        PeriodLocked: the day is closed.
    """
    part, code, name = mapping
    take_turn(books)
    chart = chart_of(books)
    if part not in chart.parts:
        raise PartUnknown(f"The chart has no part {part}.")
    if not _CODE.fullmatch(code) or not name.strip():
        raise PartUnknown("An account has a number of 3 to 8 digits, and a name.")
    wanted = chart.headings[chart.parts[part]].part
    known = Account.objects.filter(organisation=books, code=code).first() or chart.headings.get(
        code
    )
    if known is not None and known.part != wanted:
        raise PartUnknown(f"Account {code} is “{known.name}”: it cannot be used for {part}.")
    check_open(books, from_on)
    made, is_new = PartAccount.objects.get_or_create(
        organisation=books,
        part=part,
        from_on=from_on,
        defaults={"code": code, "name": name.strip()[:80]},
    )
    if (made.code, made.name) != (code, name.strip()[:80]):
        raise PartUnknown(f"{part} is on {made.code} from {from_on:%Y-%m-%d} on: take another day.")
    if is_new:
        record(books, "part_mapped", at=at, by=by, part=part, code=code, on=from_on.isoformat())
    return made
