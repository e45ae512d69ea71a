"""Who is told of an invoice: people by mail with its PDF, programs by webhook."""

from datetime import datetime

from billing.invoicing.models import Invoice
from erp.base.money import Amount
from erp.outbox.letters import address
from erp.outbox.services import Letter, emit, post
from erp.outbox.states import Topic


def issued(invoice: Invoice, *, at: datetime) -> None:
    """Tell the customer of an invoice or credit note, once; its PDF is read when it leaves."""
    assert invoice.document is not None, "it is issued"
    link = address(f"/invoices/{invoice.reference}")
    total = Amount(invoice.total_minor, invoice.currency).decimal()
    letter = Letter(
        key=f"invoice:{invoice.reference}",
        topic=Topic.INVOICES,
        template=f"{invoice.kind}_issued",
        facts={
            "number": invoice.number,
            "issuer": invoice.issuer.name,
            "total": f"{total} {invoice.currency}",
            "due_on": invoice.due_on if invoice.total_minor else None,
            "corrects": invoice.corrects.number if invoice.corrects else "",
            "reason": invoice.reason,
            "link": link,
        },
        about=invoice,
        attachments=[f"{invoice.document.reference}.pdf"],
    )
    post(invoice.organisation, letter, at=at)
    data = {
        "invoice": invoice.reference,
        "number": invoice.number,
        "total_minor": invoice.total_minor,
        "currency": invoice.currency,
        "due_on": str(invoice.due_on),
        "url": link,
    }
    emit(invoice.organisation, "invoice.issued", data, key=invoice.reference, at=at)
