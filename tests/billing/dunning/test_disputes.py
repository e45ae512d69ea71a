"""A disputed invoice is one ticket, and nobody is dunned for it while that is open."""

from datetime import timedelta

import pytest
from django.test import Client

from billing.dunning import services
from billing.dunning.disputes import NothingToDispute, Objection, dispute, dispute_of, holds
from billing.dunning.models import DunningAct, DunningHold
from billing.invoicing.models import Invoice
from billing.payments.models import Method
from billing.payments.services import Money, record_payment
from erp.customers.models import Member
from erp.tickets import services as tickets
from erp.tickets.models import Ticket
from tests.billing.builders import FakeUsage, at
from tests.billing.dunning.test_dunning import POLICY
from tests.billing.payments.owed import TOTAL, owed
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
LATE = at("2027-01-05T12:00")


@pytest.fixture
def invoice(usage: FakeUsage) -> Invoice:
    """Issued on 1 December and due on the 31st."""
    (made,) = owed(usage)
    services.set_policy(made.issuer, POLICY, at=at("2026-12-01"), by="anna")
    return made


def object_to(invoice: Invoice, key: str = "K-0000000A", **more: int) -> Ticket:
    return dispute(invoice, Objection("I never used it.", key, **more), at=LATE, by="ann")


def steps(invoice: Invoice, *days: int) -> list[str]:
    for day in days:
        services.take_step(invoice, at=LATE + timedelta(days=day))
    return list(DunningAct.objects.order_by("pk").values_list("action", flat=True))


def test_nobody_is_dunned_while_the_ticket_is_open(invoice: Invoice) -> None:
    ticket = object_to(invoice)

    assert steps(invoice, 0, 10, 40) == []
    tickets.close(ticket, at=LATE + timedelta(days=50), by="bob", why="It is right.")

    assert steps(invoice, 51) == ["remind"]


def test_writing_again_does_not_bring_back_a_hold_that_was_ended(invoice: Invoice) -> None:
    ticket = object_to(invoice)
    hold = DunningHold.objects.get()
    assert (hold.kind, hold.invoice, hold.ticket, hold.why) == (
        "dispute", invoice, ticket, "I never used it.",
    )  # fmt: skip
    services.end_hold(hold, at=LATE, by="anna")

    tickets.reply(ticket, "But!", at=LATE, by="ann")

    assert object_to(invoice, "K-0000000B") == ticket
    found = dispute_of(invoice)
    assert found and not holds(found)
    assert steps(invoice, 1) == ["remind"]


def test_an_invoice_is_disputed_once(invoice: Invoice) -> None:
    first, second = object_to(invoice), object_to(invoice, "K-0000000B")

    assert first == second
    assert (Ticket.objects.count(), DunningHold.objects.count()) == (1, 1)
    assert first.subject == f"Invoice {invoice.number} is disputed"
    assert first.contract_id == invoice.contract_id


def test_the_ticket_names_the_invoice_and_the_line(invoice: Invoice) -> None:
    ticket = object_to(invoice, position=1)

    assert [(one.kind, one.reference, one.is_internal) for one in ticket.links.all()] == [
        ("invoice", invoice.reference, False),
        ("invoice_line", f"{invoice.reference}/1", False),
    ]


def test_what_is_paid_is_not_disputed(invoice: Invoice) -> None:
    money = Money("K-pay", TOTAL, LATE.date(), Method.TRANSFER)
    record_payment(invoice, money, at=LATE, by="anna")

    with pytest.raises(NothingToDispute):
        object_to(invoice)

    assert not Ticket.objects.exists()


def _page(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_the_customer_disputes_on_the_page_of_the_invoice(invoice: Invoice) -> None:
    owner = signed_in(invoice.organisation, "owner")
    fragment = f"/dunning/of-invoice/{invoice.reference}"
    assert "I dispute this" in _page(owner, fragment)
    path = f"/dunning/dispute/{invoice.reference}"
    assert owner.post(path, {"key": "K-0000000A", "why": ""}).status_code == 422
    asked = {"key": "K-0000000A", "line": "1", "why": "I never used it."}

    answers = [owner.post(path, asked) for _ in range(2)]

    ticket = Ticket.objects.get()
    assert {one.headers["Location"] for one in answers} == {f"/tickets/{ticket.reference}"}
    assert "nobody is reminded" in _page(owner, fragment)
    assert f"Invoice {invoice.number}" in _page(owner, f"/tickets/{ticket.reference}")


def test_who_only_reads_disputes_nothing(invoice: Invoice) -> None:
    reader = signed_in(invoice.organisation, "read_only")

    assert "I dispute this" not in _page(reader, f"/dunning/of-invoice/{invoice.reference}")
    assert reader.post(f"/dunning/dispute/{invoice.reference}").status_code == 403
    assert not Ticket.objects.exists()


def test_support_sees_how_the_customer_stands(invoice: Invoice) -> None:
    support = signed_in(invoice.issuer, "support")

    page = _page(support, f"/payments/of/{invoice.organisation.reference}")

    assert "Owes <strong>" in page and "36.00" in page and invoice.number in page
    assert Member.objects.filter(role="support").count() == 1
