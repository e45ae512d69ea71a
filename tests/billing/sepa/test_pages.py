"""Direct debits as an accountant and a customer open them."""

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.payments.services import Money, Payment, receive
from billing.sepa.models import Creditor, Debit, Mandate, SepaRun
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider, a_reseller
from tests.billing.payments.owed import owed
from tests.billing.sepa.debtors import IBAN, THEIRS, prepared, to_collect
from tests.billing.sepa.test_debits import _report
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
CREDITOR = {"identifier": "FR72ZZZ123456", "notice_days": "14", "return_fee": "7.50"}
MANDATE = {
    "holder": "Customer", "iban": "DE89 3704 0044 0532 0130 00", "bic": "", "scheme": "CORE",
    "kind": "recurrent",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _now() -> object:
    with time_machine.travel(OPENED, tick=False):
        yield


def test_from_the_mandate_to_the_file_by_clicks(usage: FakeUsage) -> None:
    seller = a_provider(iban=IBAN)
    (invoice,) = owed(usage)
    debtor = invoice.organisation
    accountant, customer = signed_in(seller, "accountant"), signed_in(debtor, "owner")
    assert "Nobody can be debited yet" in accountant.get("/sepa/").content.decode()
    bad = accountant.post("/sepa/creditor", CREDITOR | {"identifier": "FR00ZZZ1"})
    assert (bad.status_code, "its digits do not agree" in bad.content.decode()) == (422, True)
    assert accountant.post("/sepa/creditor", CREDITOR).status_code == 302
    assert Creditor.objects.get().return_fee_minor == 750

    shown = customer.get(f"/sepa/mandates/of/{debtor.reference}").content.decode()
    assert "Sign a mandate" in shown and "FR72ZZZ123456" in shown
    address = f"/sepa/mandates/of/{debtor.reference}/sign"
    refused = customer.post(address, MANDATE)
    assert (refused.status_code, Mandate.objects.exists()) == (422, False)
    wrong = customer.post(address, MANDATE | {"consent": "on", "iban": "DE00"})
    assert "This is no valid IBAN" in wrong.content.decode()
    assert customer.post(address, MANDATE | {"consent": "on"}).status_code == 302
    mandate = Mandate.objects.get()
    assert (mandate.iban, mandate.signed_on, mandate.creditor) == (THEIRS, OPENED.date(), seller)

    preview = accountant.get("/sepa/debits?on=2026-12-31&scheme=CORE").content.decode()
    assert "1 invoice would be debited" in preview and "FRST, account …3000" in preview
    early = {"key": "K-00000001", "on": "2026-12-02", "scheme": "CORE"}
    answer = accountant.post("/sepa/debits", early)
    assert (answer.status_code, "Customers are told before" in answer.content.decode()) == (
        422, True,
    )  # fmt: skip
    for _ in range(2):
        made = accountant.post("/sepa/debits", early | {"on": "2026-12-31"})
        assert made.status_code == 302
    run = SepaRun.objects.get()
    file = accountant.get(f"/sepa/{run}/file")
    assert file.headers["Content-Disposition"] == f'attachment; filename="pain.008-{run}.xml"'
    assert file.content == bytes(run.content)
    assert accountant.post(f"/sepa/{run}/sent").status_code == 302
    page = accountant.get(f"/sepa/{run}").content.decode()
    assert invoice.number in page and "All of it is refused" in page
    report = SimpleUploadedFile("status.xml", _report(run, Debit.objects.get()))
    assert accountant.post("/sepa/status", {"file": report}).status_code == 302
    assert Debit.objects.get().state == "rejected"
    assert "the account is closed (AC04)" in accountant.get(f"/sepa/{run}").content.decode()


def test_a_mandate_is_revoked_with_a_reason_and_a_paper_one_is_recorded(usage: FakeUsage) -> None:
    (invoice,) = to_collect(usage)
    debtor = invoice.organisation
    customer = signed_in(debtor, "owner")
    mandate = Mandate.objects.get()
    assert customer.post(f"/sepa/mandates/{mandate.reference}/last").status_code == 302
    assert customer.post(f"/sepa/mandates/{mandate.reference}/revoke", {"why": ""}).status_code
    mandate.refresh_from_db()
    assert (mandate.state, mandate.is_last) == ("active", True)
    customer.post(f"/sepa/mandates/{mandate.reference}/revoke", {"why": "I pay by transfer"})
    mandate.refresh_from_db()
    assert (mandate.state, mandate.state_reason) == ("revoked", "I pay by transfer")
    accountant = signed_in(a_provider(), "accountant")
    paper = MANDATE | {"signed_on": "2020-05-04", "umr": "OLD/1"}
    address = f"/sepa/mandates/of/{debtor.reference}/sign"
    assert accountant.post(address, paper).status_code == 302
    assert Mandate.objects.get(umr="OLD/1").signed_on.isoformat() == "2020-05-04"


def test_credit_is_paid_out_by_clicks() -> None:
    seller = a_provider(iban=IBAN)
    payer = a_customer(iban=THEIRS)
    payment = Payment(seller, payer, "EUR", Money("K", 900, OPENED.date()))
    receipt = receive(payment, at=OPENED, by="anna")
    accountant = signed_in(seller, "accountant")
    assert "Make the file" in accountant.get("/sepa/transfers").content.decode()
    typed = {"key": "K-00000001", "on": "2026-12-02"}
    assert accountant.post("/sepa/transfers", typed).status_code == 422
    made = accountant.post("/sepa/transfers", typed | {"receipts": receipt.reference})
    assert made.status_code == 302
    run = SepaRun.objects.get()
    assert accountant.post(f"/sepa/{run}/cancel", {"why": "wrong"}).status_code == 302
    assert "cancelled" in accountant.get(f"/sepa/{run}").content.decode()


def test_who_does_not_bill_sees_no_files_and_others_no_mandates(usage: FakeUsage) -> None:
    (invoice,) = to_collect(usage)
    run = prepared(invoice.issuer)
    owner = signed_in(invoice.organisation, "owner")
    assert owner.get("/sepa/").status_code == 403
    assert owner.get(f"/sepa/{run}").status_code == 404
    manager = signed_in(a_reseller("R"), "reseller_manager")
    assert manager.get(f"/sepa/{run}/file").status_code == 404
    stranger = signed_in(a_customer("Stranger"), "owner")
    mandate = Mandate.objects.get().reference
    assert stranger.post(f"/sepa/mandates/{mandate}/revoke", {"why": "x"}).status_code == 404
    reader = signed_in(invoice.organisation, "read_only")
    shown = reader.get(f"/sepa/mandates/of/{invoice.organisation.reference}").content.decode()
    assert "Revoke" not in shown and "Sign a mandate" not in shown
    assert reader.post(f"/sepa/mandates/{mandate}/revoke", {"why": "x"}).status_code == 403


def test_the_preview_costs_the_same_for_one_and_for_three(usage: FakeUsage) -> None:
    (invoice,) = to_collect(usage)
    accountant = signed_in(a_provider(), "accountant")

    def cost() -> int:
        with CaptureQueriesContext(connection) as made:
            page = accountant.get("/sepa/debits?on=2026-12-31&scheme=CORE")
        assert page.status_code == 200
        return len(made)

    cost()
    one = cost()
    owed(usage, 2, buyer=invoice.organisation)
    assert cost() == one
