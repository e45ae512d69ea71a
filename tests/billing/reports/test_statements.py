"""Statements of account: opening, what moved, closing; read by the customer, mailed once."""

import pytest
import time_machine

from billing.invoicing.credits import Part, Wish, credit
from billing.invoicing.models import Invoice
from billing.ledger.models import Account
from billing.payments.credit import Out, pay_out
from billing.payments.fees import Claim, claim
from billing.payments.models import FeeKind, PayoutKind, Receipt, StatementWish
from billing.payments.services import Money, Payment, receive
from billing.reports import tasks
from billing.reports.statements import statement, want
from billing.reports.table import Asked
from erp.customers.models import Organisation
from erp.outbox.models import Mail
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_reseller, at
from tests.billing.payments.owed import TOTAL, owed
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
DECEMBER = Asked(at("2026-12-01").date(), at("2026-12-31").date(), "EUR")
JANUARY = Asked(at("2027-01-01").date(), at("2027-01-31").date(), "EUR")
DAY = OPENED.date()


@pytest.fixture
def customer(usage: FakeUsage) -> Organisation:
    """Two invoices of 36.00, 100.00 paid for both, 6.00 credited, a fee, 5.00 refunded."""
    one, two = owed(usage, 2)
    shares = {one.pk: TOTAL, two.pk: TOTAL}
    payment = Payment(one.issuer, one.organisation, "EUR", Money("K-1", 10000, DAY), shares)
    receipt = receive(payment, at=OPENED, by="anna")
    credit(two, Wish("K-2", "Down", [Part(1, net_minor=500)]), at=OPENED, by="anna")
    claim(one, Claim("K", FeeKind.REMINDER, 250), at=OPENED, by="anna")
    out = Out("K-3", PayoutKind.REFUND, 500, DAY, "asked")
    pay_out(receipt, out, at=OPENED, by="anna")
    return one.organisation


def _rows(customer: Organisation, asked: Asked) -> list[tuple[object, ...]]:
    return [row.cells for row in statement(customer, asked).rows]


def _in_the_books(customer: Organisation) -> int:
    """Return what is on the customer's account less the credit that is left."""
    account = Account.objects.get(party=customer)
    left = sum(one.credit_minor for one in Receipt.objects.filter(organisation=customer))
    return sum(leg.minor for leg in account.postings.all()) - left


def test_it_leads_from_the_opening_to_the_closing_balance(customer: Organisation) -> None:
    rows = _rows(customer, DECEMBER)
    assert [row[2] for row in rows] == [
        "Opening balance", "Invoice F-2026-0001 to Customer", "Invoice F-2026-0002 to Customer",
        "Bank transfer", "Credit note A-2026-0001 to Customer",
        rows[5][2], "Refund",
    ]  # fmt: skip
    assert [row[4:] for row in rows] == [
        (None, None, 0), (3600, None, 3600), (3600, None, 7200), (None, 10000, -2800),
        (None, 600, -3400), (250, None, -3150), (500, None, -2650),
    ]  # fmt: skip
    table = statement(customer, DECEMBER)
    assert table.total == ("Closing balance", "", "", "", 7950, 10600, -2650)
    assert _in_the_books(customer) == -2650
    assert _rows(customer, JANUARY) == [
        (JANUARY.start, "", "Opening balance", None, None, None, -2650)
    ]


def test_the_customer_reads_it_and_has_it_mailed_once_a_day(customer: Organisation) -> None:
    owner = signed_in(customer, "owner")
    address = f"/statements/{customer.reference}"
    query = "from=2026-12-01&to=2026-12-31&currency=EUR"
    page = owner.get(f"{address}?{query}").content.decode()
    assert "Closing balance" in page and "A-2026-0001" in page
    lines = b"".join(owner.get(f"{address}?{query}&format=csv")).decode().splitlines()
    assert lines[1] == "2026-12-01,,Opening balance,,,,0.00,EUR"
    assert lines[-1].endswith("5.00,,-26.50,EUR")
    for _ in range(2):
        assert owner.post(f"{address}/mail?{query}").status_code == 302
    mail = Mail.objects.get(key__startswith="statement:")
    assert "79.50 EUR was charged and 106.00 EUR was paid" in mail.text
    assert "you have a credit of 26.50 EUR" in mail.text
    reader = signed_in(customer, "read_only")
    assert reader.get(address).status_code == 200
    assert reader.post(f"{address}/mail").status_code == 403


def test_nobody_else_reads_it(customer: Organisation) -> None:
    address = f"/statements/{customer.reference}"
    for stranger in (a_customer("Stranger"), a_reseller("R")):
        role = "owner" if stranger.kind == "customer" else "reseller_manager"
        assert signed_in(stranger, role).get(address).status_code == 404
    technical = signed_in(customer, "technical")
    assert technical.get(address).status_code == 403


def test_who_wants_it_gets_last_month_once(
    customer: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = signed_in(customer, "owner")
    assert owner.post(f"/statements/{customer.reference}/monthly").status_code == 302
    want(customer, is_wanted=True, at=OPENED, by="bob")
    monkeypatch.setattr(tasks.mail_statement, "delay", lambda **keys: tasks.mail_statement(**keys))
    wish = StatementWish.objects.get()
    with time_machine.travel(at("2027-01-02T12:00"), tick=False):
        tasks.sweep_statements()
        tasks.sweep_statements()
        tasks.mail_statement(wish=wish.pk)
        tasks.mail_statement(wish=wish.pk)
    mail = Mail.objects.get(key=f"statement:{customer.reference}:2026-12")
    assert "1 Dec 2026 to 31 Dec 2026" in mail.subject
    assert owner.post(f"/statements/{customer.reference}/stop").status_code == 302
    assert not StatementWish.objects.exists()
    assert Invoice.objects.count() == 3
