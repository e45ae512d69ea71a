"""Everything that an invoice prints, frozen in the moment of its issue."""

from typing import Any

from billing.invoicing.models import Invoice, InvoiceLine
from erp.customers.models import Organisation

FORMAT = "tenantry-invoice/1"


def snapshot_of(invoice: Invoice) -> dict[str, Any]:
    """Return parties, lines, tax with its rule, dates and totals: amounts in minor units."""
    assert invoice.issued_on is not None, "the date is chosen with the number"
    assert invoice.due_on is not None, "the due date follows from the date"
    return {
        "format": FORMAT,
        "kind": invoice.kind,
        "number": invoice.number,
        "reference": invoice.reference,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "currency": invoice.currency,
        "language": invoice.organisation.language,
        "time_zone": invoice.organisation.time_zone,
        "period_start": invoice.period_start_at.isoformat(),
        "period_end": invoice.period_end_at.isoformat(),
        "contract": invoice.contract.reference,
        "order": invoice.contract.order.reference if invoice.contract.order else "",
        "rating_run": invoice.rating_run.reference,
        "cut_off": invoice.rating_run.cut_off_at.isoformat(),
        "seller": party(invoice.issuer),
        "buyer": party(invoice.organisation),
        "lines": [line(one) for one in invoice.lines.select_related("rated_line")],
        "taxes": invoice.taxes,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "total_minor": invoice.total_minor,
    }


def party(organisation: Organisation) -> dict[str, str]:
    """Return what is printed of a party."""
    columns = (
        "reference name legal_id vat_number street postcode city country email "
        "electronic_address iban bic"
    )
    return {column: str(getattr(organisation, column)) for column in columns.split()}


def line(one: InvoiceLine) -> dict[str, Any]:
    """Return one line with the evidence behind it; decimals are written exactly."""
    return {
        "position": one.position,
        "description": one.description,
        "kind": one.rated_line.kind,
        "meter": one.rated_line.meter,
        "quantity": str(one.quantity),
        "unit": one.unit,
        "unit_price": str(one.unit_price),
        "net_minor": one.net_minor,
        "tax_category": one.tax_category,
        "tax_rate": str(one.tax_rate),
        "period_start": one.starts_at.isoformat(),
        "period_end": one.ends_at.isoformat(),
        "corrects_number": one.corrects_number,
        "evidence": one.rated_line.evidence,
    }
