"""Who is told of an invoice: people by mail with its PDF, programs by webhook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billing.invoicing.models import Invoice
from erp.base.money import Amount
from erp.outbox.letters import address
from erp.outbox.services import Letter, emit_all, post_all
from erp.outbox.states import Topic


def issued(invoices: Sequence[Invoice], *, at: datetime) -> None:
    """Tell the customers of invoices or credit notes, once; a PDF is read when its mail leaves."""
    post_all([(one.organisation, _letter(one)) for one in invoices], at=at)
    told = [(one.organisation, one.reference, _data(one)) for one in invoices]
    emit_all("invoice.issued", told, at=at)


def _letter(invoice: Invoice) -> Letter:
    assert invoice.document is not None, "it is issued"
    total = Amount(invoice.total_minor, invoice.currency).decimal()
    return Letter(
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
            "link": _link(invoice),
        },
        about=invoice,
        attachments=[f"{invoice.document.reference}.pdf"],
    )


def _data(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice": invoice.reference,
        "number": invoice.number,
        "total_minor": invoice.total_minor,
        "currency": invoice.currency,
        "due_on": str(invoice.due_on),
        "url": _link(invoice),
    }


def _link(invoice: Invoice) -> str:
    return address(f"/invoices/{invoice.reference}")
