"""An issued invoice or credit note in the books: what is owed, earned and collected."""

from collections.abc import Sequence
from datetime import date, datetime

from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind
from billing.ledger import deferrals
from billing.ledger import services as ledger
from billing.ledger.chart import Chart
from billing.ledger.models import Journal
from erp.base.periods import Period
from erp.customers.models import Organisation


def book(issuer: Organisation, invoices: Sequence[Invoice], *, at: datetime, on: date) -> None:
    """Book what is owed, earned and collected; what is for later months waits as deferred.

    A credit note books the same with the other sign, on the open item of what it corrects. What
    is of no amount is not booked.
    """
    owed = [one for one in invoices if one.total_minor]
    if not owed:
        return
    chart = ledger.chart_of(issuer, on=on)
    split = [_split(one, chart, on=on) for one in owed]
    facts = [_fact(one, amounts) for one, (amounts, _) in zip(owed, split, strict=True)]
    entries = ledger.post_all(issuer, facts, at=at, on=on)
    later = [shares for _, shares in split]
    deferrals.keep(issuer, zip(entries, later, strict=True), waits_on=chart.deferred)


def _split(
    invoice: Invoice, chart: Chart, *, on: date
) -> tuple[dict[str, int], list[deferrals.Share]]:
    """Return the amounts of the entry, and what of them is for later months."""
    sign = -1 if invoice.corrects_id else 1
    lines = [
        (_revenue(chart, one), sign * one.net_minor, Period(one.starts_at, one.ends_at))
        for one in invoice.lines.all()
    ]
    amounts, later = deferrals.split(lines, on=on)
    amounts = {code: -minor for code, minor in amounts.items()}
    amounts[chart.deferred] = -sum(share.minor for share in later)
    amounts[chart.receivable(invoice.organisation.reference)] = sign * invoice.total_minor
    for one in invoice.taxes:
        account = chart.tax(invoice.issuer.country, one["rate"])
        amounts[account] = amounts.get(account, 0) - sign * one["tax_minor"]
    return amounts, later


def _revenue(chart: Chart, line: InvoiceLine) -> str:
    rate = f"{line.tax_rate:.2f}"
    return chart.revenue(line.rated_line.kind, category=line.tax_category, rate=rate)


def _fact(invoice: Invoice, amounts: dict[str, int]) -> ledger.Fact:
    item = invoice.corrects or invoice
    what = "Credit note" if invoice.kind == Kind.CREDIT_NOTE else "Invoice"
    return ledger.Fact(
        key=f"invoice:{invoice.reference}",
        journal=Journal.SALES,
        currency=invoice.currency,
        description=f"{what} {invoice.number} to {invoice.organisation.name}",
        amounts=amounts,
        piece=invoice.number,
        piece_on=invoice.issued_on,
        item=item.number,
        due_on=item.due_on,
    )
