"""Fees of late payers: booked beside the invoice, paid by what comes on top, waived, open again."""

import pytest
from django.db import DatabaseError, transaction

from billing.bank.matching import accept_sure
from billing.bank.services import import_file
from billing.invoicing.models import Invoice
from billing.ledger.models import Account, Entry, Posting
from billing.payments.credit import Out, take_back
from billing.payments.fees import Claim, NothingOpen, claim, pay, waive
from billing.payments.models import Fee, FeeKind, PayoutKind, Receipt
from billing.payments.services import Money, NotOpen, Payment, receive, record_payment
from config.audit import violations
from tests.billing.bank.test_importing import IBAN, _file, _movement
from tests.billing.builders import OPENED, FakeUsage, a_provider
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
DAY = OPENED.date()


@pytest.fixture
def fee(usage: FakeUsage) -> Fee:
    """5.00 on an open invoice of 36.00."""
    a_provider(iban=IBAN)
    (invoice,) = owed(usage)
    return _claim(invoice)


def _claim(invoice: Invoice, key: str = "K") -> Fee:
    return claim(invoice, Claim(key, FeeKind.REMINDER, 500), at=OPENED, by="anna")


def _open(fee: Fee) -> int:
    return Fee.objects.get(pk=fee.pk).open_minor


def _balance(part: str) -> int:
    accounts = Account.objects.filter(part=part)
    return sum(leg.minor for one in accounts for leg in one.postings.all())


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def _unlettered(fee: Fee) -> int:
    return Posting.objects.filter(item=fee.reference, lettering=None).count()


def test_a_fee_is_claimed_once_and_is_an_open_item_without_tax(fee: Fee) -> None:
    assert _claim(fee.invoice) == fee
    entry = Entry.objects.get(key=f"fee:{fee.reference}")
    assert entry.amounts == {f"411.{fee.organisation.reference}": 500, "758": -500}
    leg = entry.postings.get(item=fee.reference)
    assert (leg.minor, leg.due_on) == (500, fee.claimed_on)
    assert _broken() == []


def test_what_comes_on_top_of_the_invoice_pays_its_fee(fee: Fee) -> None:
    money = Money("K-1", TOTAL + 500, DAY)
    receipt = record_payment(fee.invoice, money, at=OPENED, by="anna")
    fee.invoice.refresh_from_db()
    assert record_payment(fee.invoice, money, at=OPENED, by="anna") == receipt
    assert (state_of(fee.invoice), _open(fee), _unlettered(fee)) == (("paid", TOTAL), 0, 0)
    receipt.refresh_from_db()
    assert (receipt.credit_minor, _balance("receivable"), _balance("fee")) == (0, 0, -500)
    assert _broken() == []
    with pytest.raises(NotOpen):
        record_payment(fee.invoice, Money("K-2", 1, DAY), at=OPENED, by="anna")


def test_less_on_top_pays_a_part_of_it_and_more_becomes_credit(fee: Fee) -> None:
    record_payment(fee.invoice, Money("K-1", TOTAL + 200, DAY), at=OPENED, by="anna")
    assert (_open(fee), _unlettered(fee)) == (300, 2)
    payment = Payment(fee.issuer, fee.organisation, "EUR", Money("K-2", 1000, DAY))
    receipt = receive(payment, at=OPENED, by="anna")
    pay(receipt, fee, at=OPENED, by="anna")
    receipt.refresh_from_db()
    assert (receipt.credit_minor, _open(fee), _unlettered(fee)) == (700, 0, 0)
    with pytest.raises(NothingOpen):
        pay(receipt, fee, at=OPENED, by="anna")
    assert _broken() == []


def test_what_a_bank_takes_back_opens_the_fee_again(fee: Fee) -> None:
    money = Money("K-1", TOTAL + 500, DAY)
    receipt = record_payment(fee.invoice, money, at=OPENED, by="anna")
    out = Out("K-back", PayoutKind.RETURNED, TOTAL + 500, DAY, "no money")
    for _ in range(2):
        take_back(receipt, out, at=OPENED, by="anna")
    assert (state_of(fee.invoice), _open(fee), _unlettered(fee)) == (("issued", 0), 500, 3)
    assert (_balance("bank"), _balance("receivable")) == (0, TOTAL + 500)
    assert _broken() == []


def test_a_fee_is_waived_once_with_a_reason(fee: Fee) -> None:
    waive(fee, at=OPENED, by="anna", why="a good customer")
    assert (_open(fee), _unlettered(fee), _balance("fee")) == (0, 0, 0)
    with pytest.raises(NothingOpen):
        waive(fee, at=OPENED, by="anna", why="again")
    assert _broken() == []


def test_the_database_refuses_to_change_a_fee_or_to_pay_it_too_much(fee: Fee) -> None:
    for change in ({"minor": 1}, {"waived_minor": 501}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Fee.objects.filter(pk=fee.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        fee.delete()


def test_a_movement_of_invoice_and_fee_is_sure(fee: Fee) -> None:
    content = _file(_movement("41.00", fee.invoice.number, "1"))
    import_file(fee.issuer, "a.xml", content, at=OPENED, by="anna")
    assert accept_sure(fee.issuer, at=OPENED, by="anna") == 1
    assert (state_of(fee.invoice), _open(fee)) == (("paid", TOTAL), 0)
    assert Receipt.objects.get().credit_minor == 0
    assert _broken() == []


def test_an_accountant_waives_it_and_pays_it_with_credit_by_clicks(fee: Fee) -> None:
    accountant = signed_in(fee.issuer, "accountant")
    shown = accountant.get(f"/payments/of-invoice/{fee.invoice.reference}").content.decode()
    assert f"Reminder fee {fee.reference}" in shown and "Waive" in shown
    other = _claim(fee.invoice, "K-2")
    payment = Payment(fee.issuer, fee.organisation, "EUR", Money("K-3", 500, DAY))
    receipt = receive(payment, at=OPENED, by="anna")
    page = accountant.get(f"/payments/{receipt}").content.decode()
    assert "Pay a fee with it" in page
    answer = accountant.post(f"/payments/{receipt}/fee", {"fee": other.reference})
    assert (answer.status_code, _open(other)) == (302, 0)
    assert accountant.post(f"/payments/fees/{fee}/waive", {"why": ""}).status_code == 302
    assert _open(fee) == 500
    assert accountant.post(f"/payments/fees/{fee}/waive", {"why": "kind"}).status_code == 302
    assert _open(fee) == 0
    customer = signed_in(fee.organisation, "owner")
    assert customer.post(f"/payments/fees/{fee}/waive", {"why": "mine"}).status_code == 404
