"""Refunds by file: credit goes out once, and is credit again when it is not carried out."""

import pytest

from billing.bank.matching import WrongSide, book_run
from billing.bank.models import BankItem
from billing.bank.services import import_file
from billing.ledger.models import Account
from billing.payments.models import Payout, Receipt
from billing.payments.services import Money, Payment, receive
from billing.sepa import answers, queries, runs, transfers
from billing.sepa.debits import BadDay, NothingToCollect
from billing.sepa.models import SepaRun, Transfer
from billing.sepa.transfers import Wish
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.bank.test_importing import _file, _movement
from tests.billing.builders import OPENED, a_customer, a_provider, at
from tests.billing.sepa.debtors import IBAN, THEIRS

pytestmark = pytest.mark.django_db
DAY = at("2026-12-02")


@pytest.fixture
def seller() -> Organisation:
    return a_provider(iban=IBAN)


def _credit(seller: Organisation, minor: int = 5000, iban: str = THEIRS, key: str = "K") -> Receipt:
    payer = a_customer(f"Customer {key}", iban=iban)
    payment = Payment(seller, payer, "EUR", Money(key, minor, OPENED.date()))
    return receive(payment, at=OPENED, by="anna")


def _prepared(seller: Organisation, *receipts: Receipt, key: str = "K-1") -> SepaRun:
    wish = Wish(key, DAY.date(), [one.pk for one in receipts])
    return transfers.prepare(seller, wish, at=OPENED, by="anna")


def _balance(part: str) -> int:
    accounts = Account.objects.filter(part=part)
    return sum(leg.minor for one in accounts for leg in one.postings.all())


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def test_credit_goes_out_once_and_the_account_shows_it_later(seller: Organisation) -> None:
    one, other = _credit(seller), _credit(seller, 700, key="K-2")
    _credit(seller, 100, iban="", key="K-3")
    assert [row.pk for row in queries.refundable(seller)] == [one.pk, other.pk]
    run = _prepared(seller, one)
    assert _prepared(seller, one) == run
    assert b"<IBAN>DE89370400440532013000</IBAN>" in bytes(run.content)
    assert [row.pk for row in queries.refundable(seller)] == [other.pk]
    with pytest.raises(NothingToCollect):
        _prepared(seller, one, key="K-9")
    assert (_balance("transit"), _balance("credit_balance")) == (-5000, -800)
    runs.send(run, at=OPENED, by="anna")
    for _ in range(2):
        transfers.settle(Transfer.objects.get(), at=DAY)
    runs.finish(run, at=DAY, by="sepa")
    assert SepaRun.objects.get().state == "done"
    text = f"<Refs><EndToEndId>{Transfer.objects.get()}</EndToEndId></Refs>"
    import_file(seller, "a", _file(_movement("50.00", "", "1", "DBIT", text)), at=DAY, by="anna")
    item = BankItem.objects.get()
    assert queries.answered_by(seller, item.batch, item.end_to_end) == run
    book_run(item, run, at=DAY, by="anna")
    assert (_balance("transit"), _balance("bank")) == (0, 5000 + 700 + 100 - 5000)
    assert _broken() == []


def test_what_is_cancelled_or_refused_is_credit_again(seller: Organisation) -> None:
    run = _prepared(seller, _credit(seller))
    runs.cancel(run, at=OPENED, by="anna", why="wrong")
    back = Transfer.objects.get().back
    assert back is not None
    assert (back.credit_minor, _balance("transit"), _balance("credit_balance")) == (5000, 0, -5000)
    second = _prepared(seller, back, key="K-2")
    runs.send(second, at=OPENED, by="anna")
    assert answers.refuse_all(second, at=DAY, by="anna") == 1
    assert answers.refuse_all(second, at=DAY, by="anna") == 0
    second.refresh_from_db()
    assert (second.state, Transfer.objects.last().state) == ("rejected", "rejected")  # type: ignore[union-attr]
    assert (_balance("credit_balance"), Payout.objects.count()) == (-5000, 2)
    assert _broken() == []


def test_a_movement_of_the_other_side_is_not_booked_as_this_file(seller: Organisation) -> None:
    run = _prepared(seller, _credit(seller))
    import_file(seller, "a", _file(_movement("50.00", "x", "1")), at=DAY, by="anna")
    with pytest.raises(WrongSide, match="does not bring or cost"):
        book_run(BankItem.objects.get(), run, at=DAY, by="anna")


def test_banks_pay_on_days_that_come(seller: Organisation) -> None:
    receipt = _credit(seller)
    for day in (at("2026-11-30"), at("2026-12-05")):
        with pytest.raises(BadDay):
            wish = Wish("K-1", day.date(), [receipt.pk])
            transfers.prepare(seller, wish, at=OPENED, by="anna")
    assert not SepaRun.objects.exists() and not Payout.objects.exists()
