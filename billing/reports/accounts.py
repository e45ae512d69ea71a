"""Reports of accounts: the trial balance, the general ledger of one account, the journal."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet, Sum

from billing.ledger.models import Account, Posting
from billing.ledger.years import year_of as year_of
from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.customers.models import Organisation

MONEY, DAY = Kind.MONEY, Kind.DAY

# The code of the row of what is no account.
RESULTS = "–"
# Customers stand together; what sales and costs made in earlier years that nobody closed stands in
# one row. The closing of a year is left out of its own balance, which would show zeros else.
_TRIAL_BALANCE = """
SELECT CASE WHEN NOT is_kept THEN '–' WHEN party_id IS NULL THEN code
            ELSE split_part(code, '.', 1) END AS code,
    CASE WHEN NOT is_kept THEN 'Results of earlier years' WHEN party_id IS NULL THEN min(name)
         ELSE 'Customers' END AS name,
    sum(minor) FILTER (WHERE posted_on < %(start)s) AS opening,
    sum(minor) FILTER (WHERE posted_on >= %(start)s AND minor > 0) AS debit,
    -sum(minor) FILTER (WHERE posted_on >= %(start)s AND minor < 0) AS credit,
    sum(minor) AS closing
FROM (
    SELECT a.code, a.name, a.party_id IS NULL AS is_general, a.party_id, p.minor, p.posted_on,
        a.nature NOT IN ('income', 'expense') OR p.posted_on >= %(year)s AS is_kept
    FROM billing_posting p JOIN billing_account a ON a.id = p.account_id
    WHERE p.organisation_id = %(books)s AND p.currency = %(currency)s AND p.posted_on <= %(end)s
      AND p.entry_id NOT IN (SELECT id FROM billing_entry WHERE organisation_id = %(books)s
          AND journal = 'CL' AND posted_on >= %(start)s)
) legs
GROUP BY 1, is_kept, party_id IS NULL HAVING is_kept OR sum(minor) <> 0 ORDER BY 1
"""


def trial_balance(books: Organisation, asked: Asked) -> Table:
    """Return every account with what it held, what moved, and what it holds; the sum is zero."""
    facts = {
        "books": books.pk, "currency": asked.currency, "start": asked.start, "end": asked.end,
        "year": year_of(books, asked.start),
    }  # fmt: skip
    found = sql.rows(_TRIAL_BALANCE, facts)
    days = {"from": asked.start, "to": asked.end, "currency": asked.currency}
    columns = [Column("Account"), Column("Name"), *_money("Opening", "Debit", "Credit", "Closing")]
    rows = [
        Row(
            (one.code, one.name, one.opening, one.debit, one.credit, one.closing),
            _behind(books, one, days),
        )
        for one in found
    ]
    return Table("Trial balance", asked.currency, columns, rows, total=_total(columns, rows))


def _behind(books: Organisation, one: Any, days: dict[str, Any]) -> str:
    if one.code == RESULTS:
        return ""
    if one.name == "Customers":
        return f"/reports/aged?{urlencode({'books': books.reference} | days)}"
    return f"/reports/account?{urlencode({'books': books.reference, 'account': one.code} | days)}"


def _money(*labels: str) -> list[Column]:
    return [Column(label, MONEY) for label in labels]


def _total(columns: list[Column], rows: list[Row]) -> tuple[Any, ...]:
    """Return a row of sums under the columns of money."""
    sums: list[Any] = [
        sum(row.cells[place] or 0 for row in rows) if column.kind == MONEY else ""
        for place, column in enumerate(columns)
    ]
    return ("Total", *sums[1:])


def account(books: Organisation, asked: Asked) -> Table:
    """Return the postings of one account with the balance after each, page by page."""
    found = Account.objects.filter(organisation=books, code=asked.account).first()
    columns = [
        Column("Day", DAY), Column("Entry"), Column("What"), Column("Document"),
        Column("Due", DAY), Column("Letter"), *_money("Debit", "Credit", "Balance"),
    ]  # fmt: skip
    if found is None:
        empty = f"No entry used the account {asked.account}." if asked.account else "Name one."
        return Table("Account", asked.currency, columns, [], empty=empty)
    legs = found.postings.filter(currency=asked.currency)
    shown = legs.filter(posted_on__gte=asked.start, posted_on__lte=asked.end)
    after = _key(asked.after)
    base = legs.filter(posted_on__lt=asked.start)
    if after:
        base, shown = legs.filter(_up_to(*after)), shown.exclude(_up_to(*after))
    opening = base.aggregate(minor=Sum("minor"))["minor"] or 0
    shown = shown.select_related("entry", "lettering").order_by("posted_on", "pk")
    page, has_more = asked.page(shown if asked.limit is None else shown[: asked.limit + 1])
    last = page[-1] if page else None
    return Table(
        f"{found.code} {found.name}",
        asked.currency,
        columns,
        [
            Row((asked.start, "", "Balance before", "", None, "", None, None, opening)),
            *_run(page, opening),
        ],
        next_after=f"{last.posted_on.isoformat()}.{last.pk}" if last and has_more else "",
    )


def _key(after: str) -> tuple[date, int] | None:
    """Return day and key behind which a page begins; what is none begins at the start."""
    day, _, pk = after.partition(".")
    try:
        return (date.fromisoformat(day), int(pk)) if len(pk) < 19 else None
    except ValueError:
        return None


def _up_to(day: date, pk: int) -> Q:
    return Q(posted_on__lt=day) | Q(posted_on=day, pk__lte=pk)


def _run(page: list[Posting], opening: int) -> Iterator[Row]:
    balance = opening
    for leg in page:
        balance += leg.minor
        letter = leg.lettering.code if leg.lettering else ""
        facts = (leg.posted_on, leg.entry.full_number, leg.entry.description)
        document = leg.item or leg.entry.piece
        yield Row(
            (*facts, document, leg.due_on, letter, leg.debit_minor, leg.credit_minor, balance)
        )


def journal(books: Organisation, asked: Asked) -> Table:
    """Return every posting in the order of its recording, page by page; `account` is a journal."""
    legs: QuerySet[Posting] = Posting.objects.filter(
        organisation=books, currency=asked.currency,
        posted_on__gte=asked.start, posted_on__lte=asked.end,
    )  # fmt: skip
    if asked.account:
        legs = legs.filter(entry__journal=asked.account)
    if asked.after.isdigit() and len(asked.after) < 19:
        legs = legs.filter(pk__gt=int(asked.after))
    legs = legs.select_related("entry", "account").order_by("pk")
    page, has_more = asked.page(
        legs.iterator(chunk_size=2000) if asked.limit is None else legs[: asked.limit + 1]
    )
    columns = [
        Column("Day", DAY), Column("Entry"), Column("Account"), Column("Name"),
        Column("What"), Column("Document"), *_money("Debit", "Credit"),
    ]  # fmt: skip
    rows = [
        Row((
            leg.posted_on, leg.entry.full_number, leg.account.code, leg.account.name,
            leg.entry.description, leg.entry.piece, leg.debit_minor, leg.credit_minor,
        ))
        for leg in page
    ]  # fmt: skip
    after = str(page[-1].pk) if has_more else ""
    return Table("Journal", asked.currency, columns, rows, next_after=after)
