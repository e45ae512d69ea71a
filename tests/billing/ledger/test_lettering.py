"""Lettering: what settles each other bears one code, and only that."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.ledger.lettering import (
    LetteredAlready,
    NotSettled,
    letter,
    letters,
    open_postings,
    unletter,
)
from billing.ledger.models import Account, Lettering, Posting
from billing.payments.services import Money, record_payment
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_run
from tests.billing.ledger.test_entries import _check_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(usage: FakeUsage) -> Invoice:
    """36.00, due on 31 December."""
    line = a_contract()
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run()
    return invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")


def _pay(invoice: Invoice, key: str, minor: int) -> None:
    record_payment(invoice, Money(key, minor, OPENED.date()), at=OPENED, by="anna")


def _customer() -> Account:
    return Account.objects.get(part="receivable")


def test_the_codes_count_in_letters() -> None:
    assert [letters(number) for number in (1, 2, 26, 27, 676, 677, 678)] == [
        "AA", "AB", "AZ", "BA", "ZZ", "AAA", "AAB",
    ]  # fmt: skip


def test_an_invoice_and_its_payments_are_lettered_when_nothing_is_open(invoice: Invoice) -> None:
    _pay(invoice, "K-1", 1000)
    assert not Lettering.objects.exists()
    _pay(invoice, "K-2", 2600)

    legs = Posting.objects.filter(lettering__code="AA").order_by("pk")

    assert [(leg.minor, leg.item, leg.due_on) for leg in legs] == [
        (3600, "F-2026-0001", date(2026, 12, 31)),
        (-1000, "F-2026-0001", date(2026, 12, 31)),
        (-2600, "F-2026-0001", date(2026, 12, 31)),
    ]
    assert not open_postings(_customer()).exists()


def test_what_does_not_settle_is_refused(invoice: Invoice) -> None:
    _pay(invoice, "K-1", 1000)
    both = list(_customer().postings.values_list("pk", flat=True))
    with pytest.raises(NotSettled, match="sum to 2600"):
        letter(_customer(), both, at=OPENED, by="anna")
    bank = Posting.objects.get(account__code="512")
    with pytest.raises(NotSettled, match="two postings or more"):
        letter(_customer(), [both[0], bank.pk], at=OPENED, by="anna")


def test_a_code_is_taken_off_and_never_given_again(invoice: Invoice) -> None:
    _pay(invoice, "K-1", 3600)
    legs = list(_customer().postings.values_list("pk", flat=True))
    with pytest.raises(LetteredAlready):
        letter(_customer(), legs, at=OPENED, by="anna")
    unletter(_customer(), "AA", at=OPENED, by="anna", why="wrong invoice")
    assert open_postings(_customer()).count() == 2
    with pytest.raises(NotSettled, match="bear the code AA"):
        unletter(_customer(), "AA", at=OPENED, by="anna", why="again")

    assert letter(_customer(), legs, at=OPENED, by="anna").code == "AB"
    assert Lettering.objects.get(code="AA").undone_by == "anna"


def test_the_database_refuses_a_code_that_does_not_settle(invoice: Invoice) -> None:
    _pay(invoice, "K-1", 3600)
    bad = Lettering.objects.get()
    leg = Posting.objects.filter(lettering=bad).first()
    assert leg is not None
    with pytest.raises(IntegrityError, match="does not settle"), transaction.atomic():
        Posting.objects.filter(pk=leg.pk).update(lettering=None)
        _check_now()
