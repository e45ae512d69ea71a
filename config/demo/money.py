"""The money of the story: bill what was used, look at the documents, record the payment."""

from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
from django.conf import settings
from django.db.models import Sum

from billing.documents.queries import pdf_of
from billing.documents.states import State as Rendered
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger.models import Posting
from billing.payments.services import Money, record_payment
from billing.runs.models import BillingRun, Outcome
from billing.runs.services import ask_to_issue, open_run
from config.demo.story import StepFailed, wait_for
from erp.base.doors import now
from erp.base.periods import Period, month_of
from erp.contracts.models import Contract
from erp.customers.models import Organisation

BY = "demo"
SECONDS = 120


def bill(seller: Organisation, contracts: list[Contract], *, until: datetime) -> list[Invoice]:
    """Close the seller's period up to a moment; return the issued invoices of the contracts."""
    period = Period(month_of(until).start, until)
    run = open_run(seller, period, cut_off=until, at=until, by=BY)

    def finished() -> BillingRun | None:
        found = BillingRun.objects.get(pk=run.pk)
        return found if found.finished_at else None

    wait_for("the drafts", finished, seconds=SECONDS)
    parked = run.items.filter(outcome=Outcome.PARKED).select_related("contract").first()
    if parked:
        raise StepFailed(f"{parked.contract} is parked: {parked.reason}")
    ask_to_issue(run, at=now(), by=BY)

    def issued() -> list[Invoice] | None:
        found = Invoice.objects.filter(run_items__run=run, contract__in=contracts)
        done = found.filter(number__gt="", document__state__in=[Rendered.STORED, *_STUCK])
        return list(done.order_by("pk")) if done.count() == len(contracts) else None

    invoices = wait_for("the invoices and their documents", issued, seconds=SECONDS)
    for invoice in invoices:
        _check_document(invoice)
    return invoices


_STUCK = (Rendered.BLOCKED, Rendered.FAILED)


def _check_document(invoice: Invoice) -> None:
    document = invoice.document
    assert document is not None, "issued invoices have a document"
    if document.state in _STUCK:
        raise StepFailed(f"{invoice}: {document.state_reason}")
    if document.fatals or pdfa_of(invoice) != "3b":
        raise StepFailed(f"{invoice} is not valid: {document.findings}")


def pdfa_of(invoice: Invoice) -> str:
    """Return the PDF/A level that the stored file claims, such as `3b`."""
    assert invoice.document is not None, "issued invoices have a document"
    with pikepdf.open(BytesIO(pdf_of(invoice.document))) as pdf, pdf.open_metadata() as metadata:
        level = str(metadata.get("pdfaid:part", "")) + str(metadata.get("pdfaid:conformance", ""))
    return level.lower()


def pay(invoices: list[Invoice]) -> None:
    """Record a bank transfer of each total; each invoice is paid afterwards."""
    for invoice in invoices:
        if invoice.open_minor:
            money = Money(f"demo-{invoice.number}", invoice.open_minor, now().date())
            record_payment(invoice, money, at=now(), by=BY)
        invoice.refresh_from_db()
        if invoice.state != State.PAID:
            raise StepFailed(f"{invoice} is {invoice.state} after its payment")


def facts_of(invoice: Invoice) -> dict[str, Any]:
    """Write the PDF beside the data and return what the summary says of the invoice."""
    document = invoice.document
    assert document is not None, "issued invoices have a document"
    path = Path(settings.DATA_DIR) / "invoices" / f"{invoice.issuer.reference}-{invoice.number}.pdf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pdf_of(document))
    return {
        "number": invoice.number,
        "currency": invoice.currency,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
        "total_minor": invoice.total_minor,
        "pdf": str(path),
        "pdf_sha256": document.pdf_sha256,
        "pdfa": pdfa_of(invoice),
        "en16931_fatals": document.fatals,
    }


def ledger_sum() -> int:
    """Return the sum of all postings: zero."""
    return int(Posting.objects.aggregate(total=Sum("minor"))["total"] or 0)
