"""From usage to a paid invoice, with exact amounts."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from billing.audit import LAWS
from billing.documents.models import Document
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice, InvoiceLine, Series
from billing.ledger.models import Entry
from billing.payments.models import Receipt
from billing.payments.services import KeyReused, Money, MoreThanOwed, record_payment
from billing.rating.models import BilledWindow, RatedLine
from billing.runs.models import RunItem
from billing.runs.services import issue_all
from erp.base.errors import DomainError
from erp.base.lifecycle import IllegalMove
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_run,
    at,
)

pytestmark = pytest.mark.django_db
PRICES = (
    ("recurring", "", "30", "0"),
    ("setup", "", "10", "0"),
    ("metered", "cpu_hours", "0.05", "10"),
)


def a_billed_month(usage: FakeUsage) -> ContractLine:
    """Half of November, 45 hours of which 5 are included: 15 + 10 + 2 = 27.00 net."""
    line = a_contract(prices=PRICES)
    usage.exists(line, at("2026-11-16"), at("2026-12-01"))
    usage.sample(line, "45", ends_at=at("2026-11-20"))
    return line


def run(until: str = "2026-12-01") -> None:
    a_run(Period(NOVEMBER.start, at(until)))


def the_draft(usage: FakeUsage) -> Invoice:
    a_billed_month(usage)
    run()
    return Invoice.objects.get()


def test_a_month_becomes_a_draft_with_exact_lines(usage: FakeUsage) -> None:
    invoice = the_draft(usage)
    lines = [(one.description, one.quantity, one.net_minor) for one in invoice.lines.all()]
    assert lines == [
        ("My site: base price, November 2026", Decimal("0.5"), 1500),
        ("My site: set-up", Decimal("1"), 1000),
        ("My site: CPU hours", Decimal("40"), 200),
    ]
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (2700, 540, 3240)
    assert (invoice.number, invoice.state) == ("", "draft")


def test_issuing_takes_a_number_freezes_and_posts(usage: FakeUsage) -> None:
    invoice = invoicing.issue(the_draft(usage), at=OPENED, by="anna")
    invoice.refresh_from_db()
    assert (invoice.number, str(invoice.issued_on), str(invoice.due_on)) == (
        "F-2026-0001",
        "2026-12-01",
        "2026-12-31",
    )
    entry = Entry.objects.get()
    customer = invoice.organisation.reference
    assert entry.amounts == {
        f"411.{customer}": 3240,
        "7061": -1500,
        "7063": -1000,
        "7062": -200,
        "44571.FR.20.00": -540,
    }
    assert entry.organisation == invoice.issuer
    assert invoice.document is not None
    assert invoice.document.snapshot["number"] == "F-2026-0001"
    assert BilledWindow.objects.count() == 3
    assert len(invoice.hash) == 64


def test_issuing_twice_gives_one_number(usage: FakeUsage) -> None:
    draft = the_draft(usage)
    first = invoicing.issue(draft, at=OPENED, by="anna")
    second = invoicing.issue(draft, at=OPENED, by="anna")
    assert first.number == second.number == "F-2026-0001"
    assert Entry.objects.count() == 1
    assert Series.objects.get().last_number == 1


def test_the_run_again_changes_nothing(usage: FakeUsage) -> None:
    a_billed_month(usage)
    run()
    before = list(RatedLine.objects.values())
    run()
    assert list(RatedLine.objects.values()) == before
    assert Invoice.objects.count() == 1
    assert RunItem.objects.count() == 1


def test_a_discarded_draft_leaves_no_hole(usage: FakeUsage) -> None:
    draft = the_draft(usage)
    invoicing.discard(draft, at=OPENED, by="anna", why="wrong plan")
    with pytest.raises(IllegalMove):
        invoicing.issue(draft, at=OPENED, by="anna")
    later = at("2026-12-01T07:00")
    again = a_run(NOVEMBER, opened_at=later)
    assert issue_all(again, at=later, by="anna") == {}
    assert list(Invoice.objects.values_list("number", flat=True)) == ["F-2026-0001", ""]


def test_a_fault_in_the_middle_of_the_issue_leaves_nothing(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = the_draft(usage)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("billing.rating.services.mark_billed", fail)
        with pytest.raises(RuntimeError), transaction.atomic():
            invoicing.issue(draft, at=OPENED, by="anna")
    draft.refresh_from_db()
    assert (draft.number, draft.state) == ("", "draft")
    assert not Entry.objects.exists()
    assert not Series.objects.exists()
    assert invoicing.issue(draft, at=OPENED, by="anna").number == "F-2026-0001"


def test_a_service_without_a_sample_is_parked_and_stops_nobody(usage: FakeUsage) -> None:
    silent = a_contract(prices=PRICES)
    usage.exists(silent, at("2026-11-10"), at("2026-12-01"))
    a_billed_month(usage)
    run()
    items = {item.contract_id: item for item in RunItem.objects.all()}
    parked = items[silent.contract_id]
    assert (parked.outcome, parked.invoice) == ("parked", None)
    assert parked.reason.startswith("My site: no sample of cpu_hours")
    assert Invoice.objects.count() == 1
    assert RatedLine.objects.filter(line=silent).count() == 0


def test_zero_is_billed_as_zero(usage: FakeUsage) -> None:
    line = a_contract(prices=(("metered", "cpu_hours", "0.05", "0"),))
    usage.exists(line, at("2026-11-10"), at("2026-12-01"))
    usage.sample(line, "0", ends_at=at("2026-11-20"))
    run()
    issued = invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    assert (issued.total_minor, issued.state) == (0, "paid")
    assert not Entry.objects.exists()


def test_a_late_sample_becomes_an_adjustment_that_names_what_it_corrects(usage: FakeUsage) -> None:
    line = a_billed_month(usage)
    run()
    invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    usage.sample(line, "20", ends_at=at("2026-11-21"), stored_at=at("2026-12-05"))
    usage.exists(line, at("2026-12-01"), at("2027-01-01"))
    usage.sample(line, "10", ends_at=at("2026-12-20"))
    new_year = at("2027-01-01T06:00")
    december = Period(at("2026-12-01"), at("2027-01-01"))
    second = a_run(december, opened_at=new_year)
    assert issue_all(second, at=new_year, by="anna") == {}
    late = InvoiceLine.objects.get(corrects_number="F-2026-0001")
    assert (late.quantity, late.net_minor) == (Decimal("20"), 100)
    assert late.invoice.number == "F-2027-0001"
    third = a_run(Period(at("2027-01-01"), at("2027-01-02")), opened_at=at("2027-01-02T01:00"))
    assert [item.outcome for item in third.items.all()] == ["nothing"]


def test_an_issued_invoice_is_frozen(usage: FakeUsage) -> None:
    invoice = invoicing.issue(the_draft(usage), at=OPENED, by="anna")
    for change in ({"total_minor": 1, "net_minor": 1, "tax_minor": 0}, {"number": "F-2026-0009"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Invoice.objects.filter(pk=invoice.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        invoice.lines.update(net_minor=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        Document.objects.filter(invoice=invoice).update(snapshot={})
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_invoice")


def test_a_payment_in_two_parts_pays_the_invoice(usage: FakeUsage) -> None:
    invoice = invoicing.issue(the_draft(usage), at=OPENED, by="anna")
    day = OPENED.date()
    first = record_payment(invoice, Money("k1", 3000, day), at=OPENED, by="anna")
    assert record_payment(invoice, Money("k1", 3000, day), at=OPENED, by="anna") == first
    with pytest.raises(KeyReused):
        record_payment(invoice, Money("k1", 240, day), at=OPENED, by="anna")
    with pytest.raises(MoreThanOwed):
        record_payment(invoice, Money("k2", 241, day), at=OPENED, by="anna")
    record_payment(invoice, Money("k3", 240, day), at=OPENED, by="anna")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid_minor) == ("paid", 3240)
    assert Receipt.objects.count() == 2
    with pytest.raises(DomainError):
        record_payment(invoice, Money("k4", 1, day), at=OPENED, by="anna")
    bank = [entry.amounts["512"] for entry in Entry.objects.filter(journal="BQ")]
    assert sorted(bank) == [240, 3000]


def test_the_laws_hold_from_the_draft_to_the_payment(usage: FakeUsage) -> None:
    invoice = invoicing.issue(the_draft(usage), at=OPENED, by="anna")
    record_payment(invoice, Money("k1", 1000, OPENED.date()), at=OPENED, by="anna")
    assert {law: found for law, check in LAWS.items() if (found := check())} == {}
