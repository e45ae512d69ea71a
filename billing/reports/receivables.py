"""What customers owe, by how long it is due, on any day."""

from urllib.parse import urlencode

from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.customers.models import Organisation

# Open on a day is what was booked by then and not settled by then. Both halves read an index: the
# postings that nothing settles, and those that were settled later (few, for a day not long ago:
# OFFSET 0 keeps the planner from reading all postings that were ever settled).
_AGED = """
WITH open AS (
    SELECT account_id, %(end)s::date - due_on AS late, minor FROM billing_posting
    WHERE organisation_id = %(books)s AND due_on IS NOT NULL AND lettering_id IS NULL
      AND currency = %(currency)s AND posted_on <= %(end)s
    UNION ALL
    SELECT p.account_id, %(end)s::date - p.due_on, p.minor
    FROM billing_lettering l CROSS JOIN LATERAL (
        SELECT * FROM billing_posting WHERE lettering_id = l.id OFFSET 0) p
    WHERE l.organisation_id = %(books)s AND l."on" > %(end)s AND p.due_on IS NOT NULL
      AND p.currency = %(currency)s AND p.posted_on <= %(end)s
), sums AS MATERIALIZED (
    SELECT account_id,
        sum(minor) FILTER (WHERE late <= 0) AS not_due,
        sum(minor) FILTER (WHERE late BETWEEN 1 AND 30) AS up_to_30,
        sum(minor) FILTER (WHERE late BETWEEN 31 AND 60) AS up_to_60,
        sum(minor) FILTER (WHERE late BETWEEN 61 AND 90) AS up_to_90,
        sum(minor) FILTER (WHERE late > 90) AS older,
        sum(minor) AS owed
    FROM open GROUP BY account_id
), totals AS (
    SELECT sum(not_due) AS all_not_due, sum(up_to_30) AS all_30, sum(up_to_60) AS all_60,
        sum(up_to_90) AS all_90, sum(older) AS all_older, sum(owed) AS all_owed FROM sums
)
SELECT a.id, a.code, a.name, sums.*, totals.*
FROM sums JOIN billing_account a ON a.id = sums.account_id CROSS JOIN totals
WHERE a.id > %(after)s AND (owed <> 0 OR not_due <> 0 OR up_to_30 <> 0 OR up_to_60 <> 0
    OR up_to_90 <> 0 OR older <> 0)
ORDER BY a.id LIMIT %(limit)s
"""
_BUCKETS = ("Not due", "1 to 30 days", "31 to 60", "61 to 90", "Over 90", "Owed")


def aged(books: Organisation, asked: Asked) -> Table:
    """Return what each customer owes at the end of a day, by how many days it is late."""
    after = int(asked.after) if asked.after.isdigit() and len(asked.after) < 19 else 0
    facts = {
        "books": books.pk, "currency": asked.currency, "end": asked.end, "after": after,
        "limit": None if asked.limit is None else asked.limit + 1,
    }  # fmt: skip
    page, has_more = asked.page(sql.rows(_AGED, facts))
    columns = [Column("Customer"), Column("Account")]
    columns += [Column(label, Kind.MONEY) for label in _BUCKETS]
    query = {"books": books.reference, "to": asked.end, "currency": asked.currency}
    rows = [
        Row(
            (one.name, one.code, one.not_due, one.up_to_30, one.up_to_60, one.up_to_90, one.older,
             one.owed),
            f"/reports/account?{urlencode(query | {'account': one.code})}",
        )
        for one in page
    ]  # fmt: skip
    total = None
    if page:
        first = page[0]
        total = (
            "Total", "", first.all_not_due, first.all_30, first.all_60, first.all_90,
            first.all_older, first.all_owed,
        )  # fmt: skip
    return Table(
        f"Aged receivables on {asked.end:%Y-%m-%d}",
        asked.currency,
        columns,
        rows,
        total=total,
        next_after=str(page[-1].id) if has_more else "",
        empty="Nobody owes anything on this day.",
    )
