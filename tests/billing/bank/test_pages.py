"""The desk of the bank, as an accountant, a reseller and a customer open it."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.bank.models import BankItem
from billing.payments.models import Receipt
from tests.billing.bank.test_importing import IBAN, _file, _movement
from tests.billing.builders import FakeUsage, a_customer, a_provider, a_reseller
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db


def _upload(content: bytes) -> dict[str, SimpleUploadedFile]:
    return {"file": SimpleUploadedFile("december.xml", content)}


def test_an_accountant_imports_looks_and_accepts(usage: FakeUsage) -> None:
    books = a_provider(iban=IBAN)
    first, second = owed(usage, 2)
    accountant = signed_in(books, "accountant")
    content = _file(
        _movement("36.00", first.number, "1"), _movement("20.00", second.number, "2"),
        _movement("3.00", "fee", "3", "DBIT"),
    )  # fmt: skip
    answer = accountant.post("/bank/import", _upload(content))
    assert (answer.status_code, answer.headers["Location"][:12]) == (302, "/bank/files/")
    again = accountant.post("/bank/import", _upload(content), follow=True)
    assert "was imported before" in again.content.decode()
    page = accountant.get("/bank/").content.decode()
    assert "Accept all that are sure" in page and "100 of 100" in page
    assert accountant.post("/bank/accept-sure").status_code == 302
    assert state_of(first) == ("paid", TOTAL)

    part = BankItem.objects.get(minor=2000)
    shown = accountant.get(f"/bank/{part}").content.decode()
    assert f"It names {second.number}. It is less than what is open." in shown
    choice = {"choice": f"{second.reference}:2000"}
    for _ in range(2):
        assert accountant.post(f"/bank/{part}/accept", choice).status_code == 302
    assert (state_of(second), Receipt.objects.count()) == (("issued", 2000), 2)
    assert accountant.post(f"/bank/{part}/undo", {"why": "wrong"}).status_code == 302
    typed = {"numbers": f"{second.number}"}
    assert accountant.post(f"/bank/{part}/numbers", typed).status_code == 302
    assert state_of(second) == ("issued", 2000)

    fee = BankItem.objects.get(minor=-300)
    assert accountant.post(f"/bank/{fee}/charge", {"why": "fee"}).status_code == 302
    assert "No movements here" in accountant.get("/bank/").content.decode()


def test_odd_answers_are_refused_in_words(usage: FakeUsage) -> None:
    books = a_provider(iban=IBAN)
    accountant = signed_in(books, "accountant")
    bad = accountant.post("/bank/import", _upload(b"hello"))
    assert (bad.status_code, "none of the known formats" in bad.content.decode()) == (422, True)
    accountant.post("/bank/import", _upload(_file(_movement("36.00", "hello"))))
    item = BankItem.objects.get()
    odd = {
        "accept": {"choice": "V-AAAAAAAA:1"}, "numbers": {"numbers": "F-2026-9999"},
        "credit": {"customer": "O-AAAAAAAA"}, "back": {"receipt": "R-AAAAAAAA"},
        "undo": {"why": "x"}, "aside": {},
    }  # fmt: skip
    for action, typed in odd.items():
        assert accountant.post(f"/bank/{item}/{action}", typed).status_code == 422, action
    assert BankItem.objects.get().state == "open"
    customer = a_customer("Zoe")
    credit = {"customer": customer.reference}
    assert accountant.post(f"/bank/{item}/credit", credit).status_code == 302
    assert Receipt.objects.get().organisation == customer


def test_a_reseller_sees_only_its_own_account(usage: FakeUsage) -> None:
    books = a_provider(iban=IBAN)
    accountant = signed_in(books, "accountant")
    accountant.post("/bank/import", _upload(_file(_movement("36.00", "hello"))))
    item = BankItem.objects.get()
    manager = signed_in(a_reseller(), "reseller_manager")
    assert "hello" not in manager.get("/bank/").content.decode()
    assert manager.get(f"/bank/{item}").status_code == 404
    assert signed_in(a_customer(), "owner").get("/bank/").status_code == 403


def test_the_list_costs_the_same_for_few_and_for_many(usage: FakeUsage) -> None:
    accountant = signed_in(a_provider(iban=IBAN), "accountant")
    counts = []
    for amount in (range(1, 3), range(3, 40)):
        lines = [_movement(f"{one}.00", "hello", str(one)) for one in amount]
        accountant.post("/bank/import", _upload(_file(*lines)))
        with CaptureQueriesContext(connection) as found:
            accountant.get("/bank/")
        counts.append(len(found))
    assert counts[0] == counts[1]
