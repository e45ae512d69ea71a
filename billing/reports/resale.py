"""What a reseller earned: every service it sold beside what the provider billed for it.

Both sides come from the lines of issued invoices and credit notes, so their sums are the sums of
the documents; what stands on one side alone, or rests on other usage, says so.

Source: docs/resellers.md
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.reports import sql
from billing.reports.table import Asked, Column, Kind, Row, Table
from erp.base.money import Amount
from erp.customers.models import Organisation

# A document is of the month in which its period ends. Retail is what the reseller issued;
# wholesale what it got by a contract that bills its customers' services.
_DOCUMENTS = """
WITH documents AS (
    SELECT i.*, i.issuer_id = %(books)s AS is_retail,
        CASE i.kind WHEN 'credit_note' THEN -1 ELSE 1 END AS sign
    FROM billing_invoice i JOIN erp_contract c ON c.id = i.contract_id
    WHERE i.number <> '' AND i.currency = %(currency)s
      AND (i.issuer_id = %(books)s OR (i.organisation_id = %(books)s AND c.is_wholesale))
      AND i.period_end_at > %(start)s::timestamp AT TIME ZONE 'UTC'
      AND i.period_end_at <= (%(end)s::date + 1)::timestamp AT TIME ZONE 'UTC'
)
"""
_SIDES = """, sides AS (
    SELECT l.contract_id, r.line_id, r.kind, r.meter, d.is_retail, d.sign * n.net_minor AS minor,
        CASE WHEN d.kind = 'invoice' THEN coalesce(r.used_quantity, 0) ELSE 0 END AS used
    FROM documents d JOIN billing_invoiceline n ON n.invoice_id = d.id
    JOIN billing_ratedline r ON r.id = n.rated_line_id
    JOIN erp_contractline l ON l.id = r.line_id
)
SELECT c.reference, o.name AS customer, l.name AS service, s.line_id, s.kind, s.meter,
    sum(s.minor) FILTER (WHERE is_retail) AS retail,
    sum(s.minor) FILTER (WHERE NOT is_retail) AS wholesale,
    coalesce(sum(s.used) FILTER (WHERE is_retail), 0)
        - coalesce(sum(s.used) FILTER (WHERE NOT is_retail), 0) AS used_more
FROM sides s JOIN erp_contractline l ON l.id = s.line_id
JOIN erp_contract c ON c.id = s.contract_id JOIN erp_organisation o ON o.id = c.organisation_id
GROUP BY 1, 2, 3, 4, 5, 6
"""
_LINES = _DOCUMENTS + _SIDES
_PAGE = _LINES + " HAVING s.line_id > %(after)s ORDER BY s.line_id, s.kind, s.meter"
_ODD = """
SELECT count(*) FILTER (WHERE wholesale IS NULL) AS retail_alone,
    count(*) FILTER (WHERE retail IS NULL) AS wholesale_alone,
    count(*) FILTER (WHERE retail IS NOT NULL AND wholesale IS NOT NULL AND used_more <> 0)
        AS other_usage, coalesce(sum(retail), 0) AS retail, coalesce(sum(wholesale), 0) AS wholesale
FROM (%s) s
"""
_SUMS = """
SELECT coalesce(sum(sign * net_minor) FILTER (WHERE is_retail), 0) AS retail,
    coalesce(sum(sign * net_minor) FILTER (WHERE NOT is_retail), 0) AS wholesale,
    count(*) FILTER (WHERE is_retail) AS retail_documents,
    count(*) FILTER (WHERE NOT is_retail) AS wholesale_documents
FROM documents
"""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Both sides of a period in minor units, without tax, and what does not go together."""

    retail_minor: int
    wholesale_minor: int
    retail_documents: int
    wholesale_documents: int
    problems: tuple[str, ...]

    @property
    def margin_minor(self) -> int:
        """Return what the reseller keeps."""
        return self.retail_minor - self.wholesale_minor


def reconcile(reseller: Organisation, asked: Asked) -> Reconciled:
    """Compare the lines of both sides with each other and with the documents that bear them."""
    facts = _facts(reseller, asked)
    odd = sql.rows_of_much(_ODD.replace("%s", _LINES), facts)[0]
    sums = sql.rows_of_much(_DOCUMENTS + _SUMS, facts)[0]
    problems = [
        f"{count} {words}"
        for count, words in (
            (odd.retail_alone, "sold and not billed by the provider"),
            (odd.wholesale_alone, "billed by the provider and not sold on"),
            (odd.other_usage, "rest on other usage"),
        )
        if count
    ]
    for side in ("retail", "wholesale"):
        by_line, by_document = int(getattr(odd, side)), int(getattr(sums, side))
        if by_line != by_document:
            amounts = [Amount(minor, asked.currency) for minor in (by_line, by_document)]
            problems.append(f"the {side} lines sum to {amounts[0]}, the documents to {amounts[1]}")
    return Reconciled(
        int(sums.retail),
        int(sums.wholesale),
        sums.retail_documents,
        sums.wholesale_documents,
        tuple(problems),
    )


def resale(reseller: Organisation, asked: Asked) -> Table:
    """Return every service with what its customer paid, what the provider billed, the margin."""
    after = int(asked.after) if asked.after.isdecimal() and len(asked.after) < 19 else 0
    found = sql.rows_of_much(_PAGE, _facts(reseller, asked) | {"after": after})
    page, next_after = _page(found, asked.limit)
    whole = reconcile(reseller, asked)
    columns = [
        Column("Service"), Column("Customer"), Column("What"), Column("Sold", Kind.MONEY),
        Column("Bought", Kind.MONEY), Column("Margin", Kind.MONEY), Column("Remark"),
    ]  # fmt: skip
    sums = (whole.retail_minor, whole.wholesale_minor, whole.margin_minor)
    return Table(
        "Sold and bought",
        asked.currency,
        columns,
        [_row(one) for one in page],
        total=("Total", "", "", *sums, "") if found or whole.problems else None,
        next_after=next_after,
        note=_note(whole),
        empty="Nothing was invoiced to customers, or by the provider, in this period.",
    )


def _facts(reseller: Organisation, asked: Asked) -> dict[str, Any]:
    return {
        "books": reseller.pk,
        "currency": asked.currency,
        "start": asked.start,
        "end": asked.end,
    }


def _page(found: Sequence[Any], limit: int | None) -> tuple[Sequence[Any], str]:
    """Cut a page between services: all prices of one service stand on one page."""
    if limit is None or len(found) <= limit:
        return found, ""
    last = found[limit - 1].line_id
    page = [one for one in found if one.line_id <= last]
    return page, str(last) if len(page) < len(found) else ""


def _row(one: Any) -> Row:
    retail, wholesale = one.retail, one.wholesale
    margin = int(retail or 0) - int(wholesale or 0)
    what = one.meter.replace("_", " ") or one.kind
    cells = (
        one.service, one.customer, what, None if retail is None else int(retail),
        None if wholesale is None else int(wholesale), margin, _remark(one),
    )  # fmt: skip
    return Row(cells, url=f"/services/{one.reference}")


def _remark(one: Any) -> str:
    if one.wholesale is None:
        return "not billed by the provider"
    if one.retail is None:
        return "not sold on"
    used: Decimal = one.used_more
    if used:
        more = f"{abs(used).normalize():f}"
        return f"{more} {'more' if used > 0 else 'less'} used at retail: the rest follows late"
    return ""


def _note(whole: Reconciled) -> str:
    documents = (
        f"{whole.retail_documents} documents to customers, "
        f"{whole.wholesale_documents} from the provider, without tax"
    )
    if whole.problems:
        return f"{documents}. To look at: {'; '.join(whole.problems)}."
    return f"{documents}. Both sides go together, and their sums are those of the documents."
