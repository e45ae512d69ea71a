"""What customers owe, by how long it is due, on any day."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.customers.models import Organisation

# Open on a day is what was booked by then and not settled by then. Both halves read an index: the
# postings that nothing settles, and those that were settled later (few, for a day not long ago:
# OFFSET 0 keeps the planner from reading all postings that were ever settled).
_UNSETTLED = """
    SELECT account_id, %(end)s::date - due_on AS late, minor FROM billing_posting
    WHERE organisation_id = %(books)s AND due_on IS NOT NULL AND lettering_id IS NULL
      AND currency = %(currency)s AND posted_on <= %(end)s
"""
_SETTLED_LATER = """
    SELECT p.account_id, %(end)s::date - p.due_on AS late, p.minor
    FROM billing_lettering l CROSS JOIN LATERAL (
        SELECT * FROM billing_posting WHERE lettering_id = l.id OFFSET 0) p
    WHERE l.organisation_id = %(books)s AND l."on" > %(end)s AND p.due_on IS NOT NULL
      AND p.currency = %(currency)s AND p.posted_on <= %(end)s
"""
_SUMS = """
    sum(minor) FILTER (WHERE late <= 0) AS not_due,
    sum(minor) FILTER (WHERE late BETWEEN 1 AND 30) AS up_to_30,
    sum(minor) FILTER (WHERE late BETWEEN 31 AND 60) AS up_to_60,
    sum(minor) FILTER (WHERE late BETWEEN 61 AND 90) AS up_to_90,
    sum(minor) FILTER (WHERE late > 90) AS older,
    sum(minor) AS owed
"""
_TOTALS = f"""
SELECT {_SUMS} FROM ({_UNSETTLED} UNION ALL {_SETTLED_LATER}) open
"""  # noqa: S608  (constants of our own)
# The next accounts that have anything open are found first, in the order of the index: so a page
# adds up its own accounts and no others.
_AGED = f"""
WITH later AS MATERIALIZED ({_SETTLED_LATER}), candidates AS MATERIALIZED (
    (SELECT DISTINCT account_id FROM ({_UNSETTLED}) unsettled WHERE account_id > %(after)s
    ORDER BY account_id LIMIT %(most)s)
    UNION
    (SELECT account_id FROM later WHERE account_id > %(after)s)
    ORDER BY account_id LIMIT %(most)s
), sums AS (
    SELECT account_id, {_SUMS} FROM (
        SELECT unsettled.* FROM candidates JOIN ({_UNSETTLED}) unsettled USING (account_id)
        UNION ALL
        SELECT later.* FROM candidates JOIN later USING (account_id)
    ) open GROUP BY account_id
)
SELECT a.id, a.code, a.name, sums.* FROM sums JOIN billing_account a ON a.id = sums.account_id
ORDER BY a.id
"""  # noqa: S608  (constants of our own)
# How many accounts are looked at beyond a page, since some have items that add up to nothing.
_SPARE = 50
_BUCKETS = ("Not due", "1 to 30 days", "31 to 60", "61 to 90", "Over 90", "Owed")


def aged(books: Organisation, asked: Asked) -> Table:
    """Return what each customer owes at the end of a day, by how many days it is late."""
    after = int(asked.after) if asked.after.isdigit() and len(asked.after) < 19 else 0
    facts = {"books": books.pk, "currency": asked.currency, "end": asked.end}
    page, has_more = asked.page(_owing(facts, after, asked.limit))
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
        (all_,) = sql.rows(_TOTALS, facts)
        total = ("Total", "", *all_)
    return Table(
        f"Aged receivables on {asked.end:%Y-%m-%d}",
        asked.currency,
        columns,
        rows,
        total=total,
        next_after=str(page[-1].id) if has_more else "",
        empty="Nobody owes anything on this day.",
    )


def _owing(facts: Mapping[str, Any], after: int, limit: int | None) -> list[Any]:
    """Return the next accounts whose open items add up to something, one more than a page."""
    most = None if limit is None else limit + 1 + _SPARE
    found: list[Any] = []
    while True:
        looked_at = sql.rows(_AGED, {**facts, "after": after, "most": most})
        found += [one for one in looked_at if any(one[-len(_BUCKETS) :])]
        if most is None or limit is None or len(looked_at) < most:
            return found
        if len(found) > limit:
            return found[: limit + 1]
        after = looked_at[-1].id
