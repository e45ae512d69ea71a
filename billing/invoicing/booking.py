"""An issued invoice or credit note in the books: what is owed, earned and collected."""

from datetime import date, datetime

from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind
from billing.ledger import deferrals
from billing.ledger import services as ledger
from billing.ledger.chart import Chart
from billing.ledger.models import Entry, Journal
from erp.base.periods import Period


def book(invoice: Invoice, *, at: datetime, on: date) -> Entry:
    """Book what is owed, earned and collected; what is for later months waits as deferred.

    A credit note books the same with the other sign, on the open item of what it corrects.
    """
    chart, sign = ledger.chart_of(invoice.issuer, on=on), -1 if invoice.corrects_id else 1
    lines = [
        (_revenue(chart, one), sign * one.net_minor, Period(one.starts_at, one.ends_at))
        for one in invoice.lines.select_related("rated_line")
    ]
    amounts, later = deferrals.split(lines, on=on)
    amounts = {code: -minor for code, minor in amounts.items()}
    amounts[chart.deferred] = -sum(share.minor for share in later)
    amounts[chart.receivable(invoice.organisation.reference)] = sign * invoice.total_minor
    for one in invoice.taxes:
        account = chart.tax(invoice.issuer.country, one["rate"])
        amounts[account] = amounts.get(account, 0) - sign * one["tax_minor"]
    entry = ledger.post(invoice.issuer, _fact(invoice, amounts), at=at, on=on)
    deferrals.keep(entry, later, waits_on=chart.deferred)
    return entry


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
