"""Prepaid credit: it pays as invoices are issued, the first to expire first, and then never."""

from datetime import datetime, timedelta

import pytest
import time_machine

from billing.invoicing import issuing, services
from billing.invoicing.models import Invoice
from billing.ledger.models import Account, Entry
from billing.payments import prepaid
from billing.payments.credit import allocate, undo
from billing.payments.left import CreditExpired
from billing.payments.models import PaymentAllocation, Payout, PayoutKind, Receipt
from billing.payments.services import KeyReused, Money
from billing.payments.tasks import forfeit_credit, sweep_expired_credit
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
)
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
DAY = OPENED.date()
SOON = OPENED + timedelta(days=10)
# 30.00 and a fifth of it.
TOTAL = 3600


def topped_up(
    payer: Organisation, minor: int, key: str = "K-1", expires_at: datetime | None = None
) -> Receipt:
    return prepaid.top_up(
        payer, Money(key, minor, DAY), expires_at=expires_at, at=NOVEMBER.start, by="anna"
    )


def drafted(usage: FakeUsage, count: int = 1) -> tuple[Organisation, list[Invoice]]:
    """Return a customer with so many drafts of 36.00 each."""
    buyer = a_customer()
    for _ in range(count):
        line = a_contract(buyer)
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run()
    return buyer, list(Invoice.objects.order_by("pk"))


def paid(invoice: Invoice) -> tuple[str, int, int, int]:
    """Return state and what is paid of it, and what its document says is paid and due."""
    invoice.refresh_from_db()
    assert invoice.document
    totals = invoice.document.snapshot["totals"]
    return invoice.state, invoice.paid_minor, totals["paid_minor"], totals["due_minor"]


def left() -> dict[str, int]:
    return {one.idempotency_key: one.credit_minor for one in Receipt.objects.all()}


def sound() -> bool:
    return not [sentence for found in violations().values() for sentence in found]


def test_it_pays_in_the_moment_of_issue_and_the_document_says_so(usage: FakeUsage) -> None:
    buyer, (invoice,) = drafted(usage)
    topped_up(buyer, 1000, "later", SOON + timedelta(days=1))
    topped_up(buyer, 1000, "never")
    topped_up(buyer, 1000, "soon", SOON)

    issued = services.issue(invoice, at=OPENED, by="anna")

    assert (issued.state, issued.paid_minor) == ("issued", 3000)
    assert paid(invoice) == ("issued", 3000, 3000, 600)
    assert left() == {"later": 0, "never": 0, "soon": 0}
    assert sound()


def test_what_expires_first_pays_first_and_the_rest_stays(usage: FakeUsage) -> None:
    buyer, invoices = drafted(usage, 2)
    topped_up(buyer, 5000, "never")
    topped_up(buyer, 4000, "soon", SOON)

    issuing.issue_all(list(issuing.locked(Invoice.objects.order_by("pk"))), at=OPENED, by="anna")

    assert [paid(one) for one in invoices] == [("paid", TOTAL, TOTAL, 0)] * 2
    assert left() == {"never": 5000 - (2 * TOTAL - 4000), "soon": 0}
    rows = PaymentAllocation.objects.order_by("pk").values_list("invoice", "minor")
    assert list(rows) == [
        (invoices[0].pk, TOTAL), (invoices[1].pk, 400), (invoices[1].pk, 3200),
    ]  # fmt: skip
    assert sound()


def test_expired_credit_pays_nothing_neither_by_itself_nor_by_hand(usage: FakeUsage) -> None:
    buyer, (invoice,) = drafted(usage)
    credit = topped_up(buyer, 5000, "soon", OPENED)

    services.issue(invoice, at=OPENED, by="anna")

    assert paid(invoice) == ("issued", 0, 0, TOTAL)
    with pytest.raises(CreditExpired, match="expired on 2026-12-01"):
        allocate(credit, invoice, 100, at=OPENED, by="anna")
    assert left() == {"soon": 5000}
    just_before = OPENED - timedelta(microseconds=1)
    assert allocate(credit, invoice, 100, at=just_before, by="anna").minor == 100


def test_what_expires_is_forfeited_once_with_its_entry(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, (invoice,) = drafted(usage)
    credit = topped_up(buyer, 5000, "soon", SOON)
    topped_up(buyer, 700, "never")
    services.issue(invoice, at=OPENED, by="anna")
    sent: list[int] = []
    monkeypatch.setattr(forfeit_credit, "delay", lambda *, receipt: sent.append(receipt))

    with time_machine.travel(SOON - timedelta(seconds=1), tick=False):
        sweep_expired_credit()
        forfeit_credit(receipt=credit.pk)
        assert (sent, Payout.objects.exists()) == ([], False)
    with time_machine.travel(SOON, tick=False):
        sweep_expired_credit()
        sweep_expired_credit()
        forfeit_credit(receipt=credit.pk)
        forfeit_credit(receipt=credit.pk)
        sweep_expired_credit()

    assert sent == [credit.pk, credit.pk]
    gone = Payout.objects.get()
    assert (gone.kind, gone.minor, gone.why) == (
        PayoutKind.EXPIRED, 5000 - TOTAL, "expired on 2026-12-11",
    )  # fmt: skip
    entry = Entry.objects.get(key=f"payout:{gone.reference}")
    balance, income = (Account.objects.get(code=code).part for code in sorted(entry.amounts))
    assert (balance, income, sorted(entry.amounts.values())) == (
        "credit_balance", "expired", [-1400, 1400],
    )  # fmt: skip
    assert left() == {"soon": 0, "never": 700}
    assert sound()

    # A payment that is taken off an invoice gives back to expired credit: that expires too.
    undo(PaymentAllocation.objects.get(), at=SOON, by="anna", why="wrong")
    with time_machine.travel(SOON, tick=False):
        forfeit_credit(receipt=credit.pk)
    assert left() == {"soon": 0, "never": 700}
    assert sound()


def test_credit_of_others_and_of_other_kinds_stays(usage: FakeUsage) -> None:
    _, (invoice,) = drafted(usage)
    topped_up(a_customer("Other"), 5000)

    services.issue(invoice, at=OPENED, by="anna")

    assert paid(invoice) == ("issued", 0, 0, TOTAL)
    assert left() == {"K-1": 5000}


def test_a_top_up_is_recorded_once_and_never_expired_already(usage: FakeUsage) -> None:
    buyer = a_customer()
    assert topped_up(buyer, 100) == topped_up(buyer, 100)
    with pytest.raises(KeyReused):
        topped_up(buyer, 100, expires_at=SOON)
    with pytest.raises(prepaid.ExpiresTooEarly):
        topped_up(buyer, 100, "K-2", NOVEMBER.start)
    assert Receipt.objects.count() == 1


@time_machine.travel(OPENED, tick=False)
def test_the_pages_top_up_and_show_what_is_left(usage: FakeUsage) -> None:
    buyer, (invoice,) = drafted(usage)
    accountant, owner = signed_in(a_provider(), "accountant"), signed_in(buyer, "owner")
    form = {
        "key": "K-00000001", "amount": "50", "received_on": "2026-12-01", "method": "transfer",
        "valid_until": "2026-12-31",
    }  # fmt: skip
    place = f"/payments/prepaid/{buyer.reference}/new"

    assert "Top up" in accountant.get(place).content.decode()
    assert accountant.post(place, form | {"valid_until": "2026-11-30"}).status_code == 422
    for _ in range(2):
        assert accountant.post(place, form).status_code == 302
    assert owner.get(place).status_code == 403
    services.issue(invoice, at=OPENED, by="anna")

    page = owner.get("/payments/prepaid").content.decode()
    for words in ("€14.00", "€50.00", "31 Dec 2026, 23:00:00 UTC", str(Invoice.objects.get())):
        assert words in page
    assert (
        "No prepaid credit"
        in signed_in(a_customer("Other"), "owner").get("/payments/prepaid").content.decode()
    )
    assert Receipt.objects.count() == 1
