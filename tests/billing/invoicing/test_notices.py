"""An issued invoice is mailed once, with the PDF that is stored for it."""

from hashlib import sha256

import pytest

from billing.documents.models import Document
from billing.documents.queries import NotRendered
from billing.documents.source import NoSuchDocument, StoredDocuments
from billing.documents.states import State
from billing.invoicing import services
from billing.invoicing.models import Invoice
from erp.outbox.models import Mail
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_reseller,
    a_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(usage: FakeUsage) -> Invoice:
    line = a_contract(a_customer())
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run()
    return services.issue(Invoice.objects.get(), at=OPENED, by="anna")


def test_the_address_for_invoices_gets_it_once_with_its_pdf(invoice: Invoice) -> None:
    services.issue(invoice, at=OPENED, by="anna")

    mail = Mail.objects.get()
    assert invoice.document is not None
    assert mail.recipient == invoice.organisation.email
    assert mail.subject == f"Invoice {invoice.number} of {invoice.issuer.name}"
    assert mail.attachments == [f"{invoice.document.reference}.pdf"]
    assert f"/invoices/{invoice.reference}" in mail.text


def test_a_document_is_carried_when_it_is_stored_and_to_its_owner_alone(invoice: Invoice) -> None:
    source, document = StoredDocuments(), invoice.document
    assert document is not None
    name, owner = f"{document.reference}.pdf", invoice.organisation_id
    with pytest.raises(NotRendered):
        source.attachment(name, organisation=owner)

    Document.objects.filter(pk=document.pk).update(
        state=State.STORED, pdf=b"%PDF-", xml=b"<x/>", pdf_sha256=sha256(b"%PDF-").hexdigest(),
        xml_sha256=sha256(b"<x/>").hexdigest(), rendered_at=OPENED,
    )  # fmt: skip
    file = source.attachment(name, organisation=owner)
    assert (file.name, file.content) == (f"{invoice.number}.pdf", b"%PDF-")
    for wrong, whose in ((name, a_reseller().pk), ("D-1.pdf", owner), (f"{name}x", owner)):
        with pytest.raises(NoSuchDocument):
            source.attachment(wrong, organisation=whose)
