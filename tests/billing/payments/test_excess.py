"""Money on an invoice that was credited since: it is free again, and follows what replaces it."""

from datetime import timedelta

import pytest

from billing.bank.queries import proposed
from billing.bank.services import import_file
from billing.invoicing.credits import Part, Wish, credit, issue_anew
from billing.invoicing.models import Invoice
from billing.ledger.models import Posting
from billing.payments import tasks
from billing.payments.credit import allocate
from billing.payments.excess import free
from billing.payments.models import Method, Receipt
from billing.payments.prepaid import top_up
from billing.payments.queries import in_excess
from billing.payments.services import Money, record_payment, settle_difference
from config.audit import violations
from tests.billing.bank.test_importing import IBAN, _file, _movement
from tests.billing.builders import OPENED, FakeUsage, a_provider
from tests.billing.payments.owed import TOTAL, owed, state_of
from tests.billing.test_at_once import _at_once

pytestmark = pytest.mark.django_db


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def _pay(invoice: Invoice, minor: int = TOTAL, key: str = "K-1") -> Receipt:
    return record_payment(invoice, Money(key, minor, OPENED.date()), at=OPENED, by="anna")


def _anew(invoice: Invoice) -> Invoice:
    return issue_anew(invoice, key="K-9", why="Wrong name", at=OPENED, by="anna")[1]


def _open_items(invoice: Invoice) -> int:
    legs = Posting.objects.filter(item=invoice.number, lettering=None)
    return legs.count()


def test_what_was_paid_follows_to_the_invoice_that_is_issued_anew(usage: FakeUsage) -> None:
    (old,) = owed(usage)
    receipt = _pay(old)
    anew = _anew(old)
    assert list(in_excess()) == [old]

    assert free(old, at=OPENED) == TOTAL

    assert (state_of(old), state_of(anew)) == (("credited", 0), ("paid", TOTAL))
    receipt.refresh_from_db()
    assert (receipt.allocated_minor, receipt.credit_minor) == (TOTAL, 0)
    assert (_open_items(old), _open_items(anew)) == (0, 0)
    assert free(old, at=OPENED) == 0
    assert list(in_excess()) == []
    assert _broken() == []


def test_a_part_that_was_paid_follows_and_the_rest_stays_open(usage: FakeUsage) -> None:
    (old,) = owed(usage)
    _pay(old, 1000)
    _pay(old, 500, "K-2")
    anew = _anew(old)
    assert free(old, at=OPENED) == 1500
    assert (state_of(old), state_of(anew)) == (("credited", 0), ("issued", 1500))
    assert _broken() == []


def test_a_credit_note_on_a_paid_invoice_frees_its_amount_as_credit(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    receipt = _pay(invoice)
    credit(invoice, Wish("K-5", "A day was down", [Part(1, net_minor=500)]), at=OPENED, by="anna")
    assert free(invoice, at=OPENED) == 600
    assert state_of(invoice) == ("paid", TOTAL - 600)
    receipt.refresh_from_db()
    assert receipt.credit_minor == 600
    assert _open_items(invoice) == 0
    assert _broken() == []


def test_a_credit_note_beyond_what_is_open_pays_the_invoice_and_frees_the_rest(
    usage: FakeUsage,
) -> None:
    (invoice,) = owed(usage)
    receipt = _pay(invoice, 2000)
    credit(invoice, Wish("K-5", "Down", [Part(1, net_minor=2000)]), at=OPENED, by="anna")
    assert state_of(invoice) == ("paid", 2000)
    assert free(invoice, at=OPENED) == 800
    assert state_of(invoice) == ("paid", 1200)
    receipt.refresh_from_db()
    assert receipt.credit_minor == 800
    assert _broken() == []


def test_what_was_written_off_is_no_money_and_stays(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    _pay(invoice, TOTAL - 2)
    invoice.refresh_from_db()
    settle_difference(
        invoice, key="K-2", method=Method.WRITE_OFF, why="2 cents", at=OPENED, by="anna"
    )
    anew = _anew(invoice)
    assert free(invoice, at=OPENED) == TOTAL - 2
    assert (state_of(invoice), state_of(anew)) == (("credited", 2), ("issued", TOTAL - 2))
    assert list(in_excess()) == []
    assert _broken() == []


def test_credit_that_expired_since_it_paid_follows_too(usage: FakeUsage) -> None:
    (old,) = owed(usage)
    money = Money("K-T", TOTAL, OPENED.date())
    soon = OPENED + timedelta(hours=1)
    paid = top_up(old.organisation, money, expires_at=soon, at=OPENED, by="anna")
    allocate(paid, old, TOTAL, at=OPENED, by="anna")
    anew = _anew(old)
    assert free(old, at=OPENED + timedelta(days=1)) == TOTAL
    assert (state_of(old), state_of(anew)) == (("credited", 0), ("paid", TOTAL))
    assert _broken() == []


def test_the_sweep_frees_it_once(usage: FakeUsage, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = owed(usage)
    _pay(old)
    anew = _anew(old)
    monkeypatch.setattr(tasks.free_excess, "delay", lambda **keys: tasks.free_excess(**keys))
    tasks.sweep_excess()
    tasks.sweep_excess()
    tasks.free_excess(invoice=old.pk)
    tasks.free_excess(invoice=old.pk)
    assert state_of(anew) == ("paid", TOTAL)
    assert anew.allocations.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_free_it_once(usage: FakeUsage) -> None:
    (old,) = owed(usage)
    _pay(old)
    anew = _anew(old)
    assert _at_once(*[lambda: free(old, at=OPENED)] * 3) == ["done"] * 3
    assert (state_of(anew), anew.allocations.count()) == (("paid", TOTAL), 1)


def test_a_movement_of_what_is_open_after_a_part_is_proposed_by_its_amount(
    usage: FakeUsage,
) -> None:
    books = a_provider(iban=IBAN)
    (invoice,) = owed(usage)
    _pay(invoice, 1000)
    credit(invoice, Wish("K-5", "Down", [Part(1, net_minor=500)]), at=OPENED, by="anna")
    content = _file(_movement("20.00", "thank you", "1"))
    file, _ = import_file(books, "a.xml", content, at=OPENED, by="anna")
    (item,) = file.statements.get().items.all()
    ((shown,),) = proposed(books, [item]).values()
    assert shown.shares == [(invoice, 2000)]
