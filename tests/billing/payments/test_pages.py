"""The page of a receipt, as who bills, its payer and a stranger open it."""

import pytest

from billing.payments.models import Payout, Receipt
from billing.payments.services import Money, Payment, receive, record_payment
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db


def test_credit_pays_an_invoice_and_is_refunded_by_clicks(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    payment = Payment(invoice.issuer, invoice.organisation, "EUR", Money("K", 5000, OPENED.date()))
    receipt = receive(payment, at=OPENED, by="anna")
    accountant = signed_in(a_provider(), "accountant")
    place = f"/payments/{receipt}"
    page = accountant.get(place).content.decode()
    assert "50.00" in page and "It pays no invoice" in page

    share = {"invoice": invoice.reference, "amount": "36.00"}
    assert accountant.post(f"{place}/share", share).status_code == 302
    assert state_of(invoice) == ("paid", TOTAL)
    out = {"key": "K-0000000A", "amount": "14.00", "paid_on": "2026-12-02", "why": "too much"}
    for _ in range(2):
        assert accountant.post(f"{place}/refund", out).status_code == 302
    assert Payout.objects.get().minor == 1400
    more = accountant.post(f"{place}/refund", out | {"key": "K-0000000B"})
    assert (more.status_code, "has 0.00 EUR left" in more.content.decode()) == (422, True)

    made = receipt.allocations.get()
    off = {"allocation": made.pk, "why": "wrong one"}
    assert accountant.post(f"{place}/take_off", off).status_code == 302
    assert state_of(invoice) == ("issued", 0)
    assert "wrong one" in accountant.get(place).content.decode()


def test_a_small_difference_is_written_off_and_a_large_one_refused(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    accountant = signed_in(a_provider(), "accountant")
    place = f"/payments/difference/{invoice.reference}"
    typed = {"key": "K-0000000C", "method": "write_off", "why": "not worth it"}
    refused = accountant.post(place, typed)
    assert (refused.status_code, "at most 10.00 EUR" in refused.content.decode()) == (422, True)
    record_payment(invoice, Money("K-1", 3000, OPENED.date()), at=OPENED, by="anna")
    for _ in range(2):
        assert accountant.post(place, typed).status_code == 302
    assert state_of(invoice) == ("paid", TOTAL)
    assert Receipt.objects.get(method="write_off").bank_reference == "not worth it"


def test_the_payer_reads_and_a_stranger_does_not_know(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    receipt = record_payment(invoice, Money("K-1", TOTAL, OPENED.date()), at=OPENED, by="anna")
    page = signed_in(invoice.organisation, "billing").get(f"/payments/{receipt}")
    assert (page.status_code, "The bank took it back" in page.content.decode()) == (200, False)
    assert signed_in(a_customer("Other"), "owner").get(f"/payments/{receipt}").status_code == 404
