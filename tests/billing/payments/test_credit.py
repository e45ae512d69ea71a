"""Money that pays several invoices, is more than owed, is taken off, refunded or taken back."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from billing.invoicing.models import Invoice
from billing.ledger.models import Account, Entry, Lettering
from billing.payments.credit import (
    Out,
    UndoneAlready,
    allocate,
    pay_out,
    take_back,
    undo,
)
from billing.payments.left import NoSuchCredit
from billing.payments.models import Method, PaymentAllocation, Payout, PayoutKind, Receipt
from billing.payments.services import (
    KeyReused,
    Money,
    MoreThanOwed,
    OthersInvoice,
    Payment,
    receive,
    record_payment,
)
from config.audit import violations
from tests.billing.builders import OPENED, FakeUsage, a_customer
from tests.billing.payments.owed import TOTAL, owed, state_of

pytestmark = pytest.mark.django_db
DAY = OPENED.date()


def _paying(invoices: list[Invoice], minor: int, *shares: int, key: str = "K-1") -> Payment:
    first = invoices[0]
    parts = {one.pk: share for one, share in zip(invoices, shares, strict=False)}
    money = Money(key, minor, DAY)
    return Payment(first.issuer, first.organisation, first.currency, money, parts)


def _balance(part: str) -> int:
    accounts = Account.objects.filter(part=part)
    return sum(leg.minor for one in accounts for leg in one.postings.all())


def _broken() -> list[str]:
    return [sentence for found in violations().values() for sentence in found]


def test_one_payment_pays_two_invoices_and_leaves_credit(usage: FakeUsage) -> None:
    invoices = owed(usage, 2)

    receipt = receive(_paying(invoices, 8000, TOTAL, TOTAL), at=OPENED, by="anna")

    receipt.refresh_from_db()
    assert [state_of(one) for one in invoices] == [("paid", TOTAL)] * 2
    assert (receipt.allocated_minor, receipt.credit_minor) == (7200, 800)
    assert Entry.objects.filter(key=f"payment:{receipt.reference}").count() == 1
    assert (_balance("bank"), _balance("credit_balance"), _balance("receivable")) == (8000, -800, 0)
    assert Lettering.objects.count() == 2
    assert _broken() == []


def test_the_same_payment_again_changes_nothing_and_another_is_refused(usage: FakeUsage) -> None:
    invoices = owed(usage, 2)
    asked = _paying(invoices, 8000, TOTAL, 1000)
    assert receive(asked, at=OPENED, by="a") == receive(asked, at=OPENED, by="b")
    for other in (_paying(invoices, 8000, TOTAL, 1001), _paying(invoices, 8001, TOTAL, 1000)):
        with pytest.raises(KeyReused):
            receive(other, at=OPENED, by="anna")
    assert (Receipt.objects.count(), PaymentAllocation.objects.count()) == (1, 2)


def test_no_share_is_more_than_is_open_and_nothing_is_recorded(usage: FakeUsage) -> None:
    invoices = owed(usage, 2)
    for asked in (_paying(invoices, 9000, TOTAL, TOTAL + 1), _paying(invoices, 3601, TOTAL, 2)):
        with pytest.raises(MoreThanOwed):
            receive(asked, at=OPENED, by="anna")
    stranger = a_customer("Other")
    payment = _paying(invoices, TOTAL, TOTAL)
    with pytest.raises(OthersInvoice):
        receive(
            Payment(payment.issuer, stranger, "EUR", payment.money, payment.shares),
            at=OPENED, by="anna",
        )  # fmt: skip
    assert not Receipt.objects.exists()


def test_credit_pays_a_later_invoice(usage: FakeUsage) -> None:
    invoices = owed(usage, 2)
    receipt = receive(_paying(invoices, 5000, TOTAL), at=OPENED, by="anna")
    allocate(receipt, invoices[1], 1400, at=OPENED, by="anna")
    with pytest.raises(NoSuchCredit):
        allocate(receipt, invoices[1], 1, at=OPENED, by="anna")
    assert state_of(invoices[1]) == ("issued", 1400)
    assert _balance("credit_balance") == 0
    assert _broken() == []


def test_a_payment_taken_off_opens_the_invoice_and_stays_as_credit(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    receipt = record_payment(invoice, Money("K-1", TOTAL, DAY), at=OPENED, by="anna")
    made = receipt.allocations.get()

    undo(made, at=OPENED, by="anna", why="wrong customer")

    assert state_of(invoice) == ("issued", 0)
    assert (_balance("receivable"), _balance("credit_balance")) == (TOTAL, -TOTAL)
    assert Lettering.objects.filter(undone_at=None).count() == 0
    with pytest.raises(UndoneAlready):
        undo(made, at=OPENED, by="anna", why="again")
    allocate(receipt, invoice, TOTAL, at=OPENED, by="anna")
    assert state_of(invoice) == ("paid", TOTAL)
    assert Lettering.objects.filter(undone_at=None).count() == 1
    assert _broken() == []


def test_a_refund_is_paid_once_and_never_more_than_is_left(usage: FakeUsage) -> None:
    invoices = owed(usage, 1)
    receipt = receive(_paying(invoices, 5000, TOTAL), at=OPENED, by="anna")
    out = Out("K-2", PayoutKind.REFUND, 1400, DAY, "paid twice")
    first = pay_out(receipt, out, at=OPENED, by="anna")
    assert pay_out(receipt, out, at=OPENED, by="anna") == first
    for more in (Out("K-3", PayoutKind.REFUND, 1, DAY, "more"),):
        with pytest.raises(NoSuchCredit):
            pay_out(receipt, more, at=OPENED, by="anna")
    with pytest.raises(KeyReused):
        pay_out(receipt, Out("K-2", PayoutKind.REFUND, 1300, DAY, "x"), at=OPENED, by="anna")
    assert (Payout.objects.count(), _balance("bank"), _balance("credit_balance")) == (1, 3600, 0)
    assert _broken() == []


def test_what_a_bank_takes_back_opens_every_invoice_it_paid(usage: FakeUsage) -> None:
    invoices = owed(usage, 2)
    receipt = receive(_paying(invoices, 7200, TOTAL, TOTAL), at=OPENED, by="anna")
    out = Out("K-2", PayoutKind.RETURNED, 7200, date(2026, 12, 9), "account closed")
    first = take_back(receipt, out, at=OPENED, by="anna")
    assert take_back(receipt, out, at=OPENED, by="anna") == first
    assert [state_of(one) for one in invoices] == [("issued", 0)] * 2
    assert (_balance("bank"), _balance("receivable"), _balance("credit_balance")) == (0, 7200, 0)
    assert {one.undone_why for one in PaymentAllocation.objects.all()} == {"account closed"}
    assert _broken() == []


@pytest.mark.parametrize(
    ("method", "part"), [(Method.WRITE_OFF, "write_off"), (Method.CHARGES, "bank_charges")]
)
def test_a_difference_settles_without_money(usage: FakeUsage, method: Method, part: str) -> None:
    (invoice,) = owed(usage)
    record_payment(invoice, Money("K-1", 3590, DAY), at=OPENED, by="anna")
    record_payment(invoice, Money("K-2", 10, DAY, method, "ten cents"), at=OPENED, by="anna")
    assert state_of(invoice) == ("paid", TOTAL)
    assert (_balance("bank"), _balance(part)) == (3590, 10)
    assert _broken() == []


def test_the_database_refuses_what_services_never_do(usage: FakeUsage) -> None:
    (invoice,) = owed(usage)
    receipt = record_payment(invoice, Money("K-1", TOTAL, DAY), at=OPENED, by="anna")
    for change in (
        lambda: PaymentAllocation.objects.update(minor=1),
        lambda: PaymentAllocation.objects.update(undone_at=OPENED),
        lambda: PaymentAllocation.objects.all().delete(),
        lambda: Receipt.objects.update(amount_minor=1),
        lambda: Receipt.objects.update(paid_out_minor=1),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert receipt.allocations.count() == 1


@tried(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["pay", "allocate", "undo", "refund"]), st.integers(1, 4000)),
        max_size=8,
    )
)
def test_no_order_of_steps_loses_a_cent(usage: FakeUsage, steps: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        invoices = owed(usage, 2)
        for number, (step, minor) in enumerate(steps):
            _take(step, minor, invoices, number)
        came = sum(Receipt.objects.values_list("amount_minor", flat=True))
        went = sum(Payout.objects.values_list("minor", flat=True))
        assert _balance("bank") == came - went
        assert _balance("receivable") - _balance("credit_balance") * -1 == 7200 - came + went
        assert _broken() == []
        transaction.set_rollback(True)


def _take(step: str, minor: int, invoices: list[Invoice], number: int) -> None:
    for one in invoices:
        one.refresh_from_db()
    is_open = next((one for one in invoices if one.open_minor), None)
    receipt = Receipt.objects.order_by("pk").last()
    made = PaymentAllocation.objects.filter(undone_at=None).first()
    if step == "pay":
        share = [min(minor, is_open.open_minor)] if is_open else []
        chosen = [is_open] if is_open else invoices
        receive(_paying(chosen, minor, *share, key=f"K-{number}"), at=OPENED, by="anna")
    elif step == "allocate" and receipt and is_open and receipt.credit_minor:
        share_ = min(receipt.credit_minor, is_open.open_minor)
        taken = receipt.allocations.filter(invoice=is_open, undone_at=None).exists()
        if not taken:
            allocate(receipt, is_open, share_, at=OPENED, by="anna")
    elif step == "undo" and made:
        undo(made, at=OPENED, by="anna", why="test")
    elif step == "refund" and receipt and receipt.credit_minor:
        out = Out(f"O-{number}", PayoutKind.REFUND, min(minor, receipt.credit_minor), DAY, "x")
        pay_out(receipt, out, at=OPENED, by="anna")
