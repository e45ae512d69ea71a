"""Reports of sales: revenue by product and month, tax by rate, deferred revenue by month."""

from typing import Any

from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.customers.models import Organisation

# Products times kinds times months; more is a period nobody reads as a table.
MOST_ROWS = 2000
_REVENUE = """
SELECT c.product, r.kind, date_trunc('month', i.issued_on)::date AS month_on,
    count(DISTINCT i.id) AS invoices,
    sum(CASE WHEN i.kind = 'credit_note' THEN -l.net_minor ELSE l.net_minor END) AS net
FROM billing_invoice i JOIN billing_invoiceline l ON l.invoice_id = i.id
JOIN billing_ratedline r ON r.id = l.rated_line_id
JOIN erp_contractline c ON c.id = r.line_id
WHERE i.issuer_id = %(books)s AND i.number <> '' AND i.currency = %(currency)s
  AND i.issued_on BETWEEN %(start)s AND %(end)s
GROUP BY 1, 2, 3 ORDER BY 3, 1, 2 LIMIT %(most)s
"""
_TAX_INVOICED = """
SELECT t->>'category' AS category, (t->>'rate')::numeric AS rate, count(*) AS documents,
    sum(CASE WHEN is_credit THEN -(t->>'net_minor')::bigint
        ELSE (t->>'net_minor')::bigint END) AS net,
    sum(CASE WHEN is_credit THEN -(t->>'tax_minor')::bigint
        ELSE (t->>'tax_minor')::bigint END) AS tax
FROM (SELECT taxes, kind = 'credit_note' AS is_credit
      FROM billing_invoice WHERE issuer_id = %(books)s AND number <> ''
      AND currency = %(currency)s AND issued_on BETWEEN %(start)s AND %(end)s) i,
    jsonb_array_elements(i.taxes) t
GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""
# Each payment bears the rounded share up to it less the one before it: the sum of an invoice's
# payments is its tax to the cent. What was taken off again counts back on its day, and what was
# written off was never paid.
_TAX_PAID = """
WITH moves AS (
    SELECT a.id, a.invoice_id, r.received_on, a.minor
    FROM billing_paymentallocation a JOIN billing_receipt r ON r.id = a.receipt_id
    WHERE r.issuer_id = %(books)s AND r.method <> 'write_off'
    UNION ALL
    SELECT a.id, a.invoice_id, greatest(r.received_on,
        (a.undone_at AT TIME ZONE o.time_zone)::date), -a.minor
    FROM billing_paymentallocation a JOIN billing_receipt r ON r.id = a.receipt_id
    JOIN erp_organisation o ON o.id = r.issuer_id
    WHERE r.issuer_id = %(books)s AND r.method <> 'write_off' AND a.undone_at IS NOT NULL
), paid AS (
    SELECT i.taxes, i.total_minor, m.received_on, m.minor,
        sum(m.minor) OVER (PARTITION BY i.id ORDER BY m.received_on, m.id, m.minor DESC) AS so_far
    FROM moves m JOIN billing_invoice i ON i.id = m.invoice_id
    WHERE i.issuer_id = %(books)s AND i.currency = %(currency)s AND i.total_minor > 0
      AND m.received_on <= %(end)s
)
SELECT t->>'category' AS category, (t->>'rate')::numeric AS rate, count(*) AS documents,
    sum(round((t->>'net_minor')::numeric * so_far / total_minor)
        - round((t->>'net_minor')::numeric * (so_far - minor) / total_minor)) AS net,
    sum(round((t->>'tax_minor')::numeric * so_far / total_minor)
        - round((t->>'tax_minor')::numeric * (so_far - minor) / total_minor)) AS tax
FROM paid, jsonb_array_elements(paid.taxes) t
WHERE received_on >= %(start)s GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""
_TAX_BOOKED = """
SELECT coalesce(-sum(p.minor), 0) AS tax FROM billing_posting p
JOIN billing_account a ON a.id = p.account_id
WHERE p.organisation_id = %(books)s AND a.part = 'tax' AND p.currency = %(currency)s
  AND p.posted_on BETWEEN %(start)s AND %(end)s
"""
_DEFERRED = """
SELECT d.month_on, a.code, a.name, sum(d.minor) AS minor,
    sum(d.minor) FILTER (WHERE r.posted_on <= %(end)s) AS released
FROM billing_deferral d JOIN billing_entry e ON e.id = d.entry_id
JOIN billing_account a ON a.id = d.revenue_account_id
LEFT JOIN billing_entry r ON r.id = d.released_by_id
WHERE d.organisation_id = %(books)s AND d.currency = %(currency)s AND e.posted_on <= %(end)s
GROUP BY 1, 2, 3 HAVING sum(d.minor) <> coalesce(sum(d.minor) FILTER (
    WHERE r.posted_on < %(start)s), 0) ORDER BY 1, 2 LIMIT %(most)s
"""
_CATEGORIES = {
    "S": "Standard", "AE": "Reverse charge", "G": "Export", "O": "Outside the scope of VAT",
    "E": "Exempt", "Z": "Zero rated",
}  # fmt: skip


def _facts(books: Organisation, asked: Asked) -> dict[str, Any]:
    return {
        "books": books.pk, "currency": asked.currency, "start": asked.start, "end": asked.end,
        "most": MOST_ROWS,
    }  # fmt: skip


def revenue(books: Organisation, asked: Asked) -> Table:
    """Return what was invoiced without tax, by month, product and kind of price."""
    found = sql.rows_of_much(_REVENUE, _facts(books, asked))
    columns = [
        Column("Month", Kind.DAY), Column("Product"), Column("Kind"),
        Column("Invoices", Kind.COUNT), Column("Net", Kind.MONEY),
    ]  # fmt: skip
    rows = [Row((one.month_on, one.product, one.kind, one.invoices, one.net)) for one in found]
    total = ("Total", "", "", None, sum(one.net for one in found))
    return Table("Revenue by product", asked.currency, columns, rows, total=total)


def tax(books: Organisation, asked: Asked) -> Table:
    """Return net and tax by category and rate: as invoiced, or as paid."""
    facts = _facts(books, asked)
    is_paid = asked.basis == "paid"
    found = sql.rows_of_much(_TAX_PAID if is_paid else _TAX_INVOICED, facts)
    columns = [
        Column("Category"), Column("Rate"), Column("Documents", Kind.COUNT),
        Column("Net", Kind.MONEY), Column("Tax", Kind.MONEY),
    ]  # fmt: skip
    rows = [
        Row((
            _CATEGORIES.get(one.category, one.category), f"{one.rate.normalize():f} %",
            one.documents, int(one.net), int(one.tax),
        ))
        for one in found
    ]  # fmt: skip
    sums = [sum(int(getattr(one, name)) for one in found) for name in ("net", "tax")]
    note = "" if is_paid else _compare(facts, sums[1])
    title = f"Tax on what was {'paid' if is_paid else 'invoiced'}"
    return Table(title, asked.currency, columns, rows, ("Total", "", None, *sums), note=note)


def _compare(facts: dict[str, Any], invoiced: int) -> str:
    booked = int(sql.rows_of_much(_TAX_BOOKED, facts)[0].tax)
    if booked == invoiced:
        return "The tax accounts moved by exactly this in the period."
    return (
        f"The tax accounts moved by {booked} minor units in the period, the documents say "
        f"{invoiced}: look for entries by hand and for documents issued around midnight."
    )


def deferred(books: Organisation, asked: Asked) -> Table:
    """Return what was deferred to each month, and what of it is earned at the end of the period."""
    found = sql.rows_of_much(_DEFERRED, _facts(books, asked))
    columns = [
        Column("Month", Kind.DAY), Column("Account"), Column("Name"),
        Column("Deferred", Kind.MONEY), Column("Earned", Kind.MONEY), Column("Waits", Kind.MONEY),
    ]  # fmt: skip
    rows = [
        Row((
            one.month_on, one.code, one.name, int(one.minor), int(one.released or 0),
            int(one.minor - (one.released or 0)),
        ))
        for one in found
    ]  # fmt: skip
    sums = [sum(row.cells[place] for row in rows) for place in (3, 4, 5)]
    empty = "Nothing is deferred: nothing was invoiced for later months."
    return Table(
        "Deferred revenue", asked.currency, columns, rows, ("Total", "", "", *sums), empty=empty
    )
