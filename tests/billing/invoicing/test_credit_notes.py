"""Credit notes: what was issued is taken back in part or as a whole, to the cent, and only once."""

from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.audit import LAWS
from billing.invoicing import services as invoicing
from billing.invoicing.credits import (
    CreditedInPart,
    MoreThanLeft,
    NothingToCredit,
    Part,
    Wish,
    credit,
    issue_anew,
    left_of,
)
from billing.invoicing.models import Invoice, InvoiceLine
from billing.ledger.models import Entry, Posting
from billing.payments.services import Money, NotOpen, record_payment
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_run, at

pytestmark = pytest.mark.django_db
PRICES = (
    ("recurring", "", "30", "0"),
    ("setup", "", "10", "0"),
    ("metered", "cpu_hours", "0.05", "10"),
)


@pytest.fixture
def invoice(usage: FakeUsage) -> Invoice:
    """15.00 of half a month, 10.00 of set-up, 40 hours at 0.05: 27.00 net and 5.40 of tax."""
    line = a_contract(prices=PRICES)
    usage.exists(line, at("2026-11-16"), at("2026-12-01"))
    usage.sample(line, "45", ends_at=at("2026-11-20"))
    a_run(NOVEMBER)
    return invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")


def wish(*parts: Part, key: str = "K-1") -> Wish:
    return Wish(key, "The service was down", parts)


def a_credit(invoice: Invoice, *parts: Part, key: str = "K-1") -> Invoice:
    made = credit(invoice, wish(*parts, key=key), at=OPENED, by="anna")
    invoice.refresh_from_db()
    return Invoice.objects.get(pk=made.pk)


def no_law_is_broken() -> None:
    assert {law: found for law, check in LAWS.items() if (found := check())} == {}


def test_a_part_by_quantity_is_taken_back_at_the_rate_of_the_invoice(invoice: Invoice) -> None:
    note = a_credit(invoice, Part(3, quantity=Decimal("12.5")))
    assert (note.number, note.kind, note.state) == ("A-2026-0001", "credit_note", "credited")
    assert (note.net_minor, note.tax_minor, note.total_minor) == (63, 13, 76)
    line = note.lines.get()
    assert (line.quantity, line.unit, line.unit_price) == (Decimal("12.5"), "h", Decimal("0.05"))
    assert note.document is not None
    frozen = note.document.snapshot
    assert (frozen["kind"], frozen["preceding_number"]) == ("381", "F-2026-0001")
    assert frozen["notes"][0]["text"] == "The service was down"
    assert (invoice.state, invoice.credited_minor, invoice.open_minor) == ("issued", 76, 3164)


def test_its_entry_takes_back_revenue_and_tax_on_the_open_item_of_the_invoice(
    invoice: Invoice,
) -> None:
    note = a_credit(invoice, Part(2, net_minor=400))
    customer = f"411.{invoice.organisation.reference}"
    entry = Entry.objects.get(key=f"invoice:{note.reference}")
    assert entry.amounts[customer] == -480
    assert entry.amounts["44571.FR.20.00"] == 80
    assert sum(entry.amounts.values()) == 0
    leg = Posting.objects.get(entry=entry, account__code=customer)
    assert (leg.item, leg.due_on) == (invoice.number, invoice.due_on)
    no_law_is_broken()


def test_the_whole_rest_credits_the_invoice_and_letters_its_item(invoice: Invoice) -> None:
    a_credit(invoice, Part(1, net_minor=333))
    rest = a_credit(invoice, key="K-2")
    assert (rest.number, rest.total_minor) == ("A-2026-0002", 3240 - 400)
    assert (invoice.state, invoice.credited_minor, invoice.open_minor) == ("credited", 3240, 0)
    assert set(left_of(invoice).values()) == {0}
    owed = Posting.objects.filter(item=invoice.number)
    assert owed.count() == 3
    assert {one.lettering_id for one in owed} != {None}
    no_law_is_broken()


def test_the_same_request_is_the_same_credit_note(invoice: Invoice) -> None:
    first = a_credit(invoice, Part(1, net_minor=100))
    again = a_credit(invoice, Part(1, net_minor=100))
    assert (first.pk, invoice.credited_minor) == (again.pk, 120)
    assert Entry.objects.count() == 2


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(3, net_minor=201), "2.00 EUR is left to credit, not 2.01 EUR"),
        (Part(3, quantity=Decimal("40.5")), "2.00 EUR is left to credit, not 2.03 EUR"),
        (Part(1, net_minor=0), "not 0.00 EUR"),
        (Part(9), "no line 9"),
    ],
)
def test_more_than_is_left_is_refused_and_changes_nothing(
    invoice: Invoice, part: Part, words: str
) -> None:
    with pytest.raises(MoreThanLeft, match=words):
        credit(invoice, wish(part), at=OPENED, by="anna")
    assert Invoice.objects.count() == 1
    assert Entry.objects.count() == 1


def test_a_draft_and_what_is_credited_already_have_nothing_to_credit(invoice: Invoice) -> None:
    note = a_credit(invoice)
    for one in (invoice, note):
        with pytest.raises(NothingToCredit):
            credit(one, wish(key="K-9"), at=OPENED, by="anna")


def test_the_database_refuses_a_credit_beyond_the_total(invoice: Invoice) -> None:
    a_credit(invoice, Part(1, net_minor=100))
    sql = "UPDATE billing_invoice SET credited_minor = 3241 WHERE id = %s"
    with pytest.raises(DatabaseError, match="never_credited_beyond"), transaction.atomic():
        connection.cursor().execute(sql, [invoice.pk])


def test_what_a_credit_leaves_open_is_what_can_be_paid(invoice: Invoice) -> None:
    a_credit(invoice, Part(2))
    assert invoice.open_minor == 2040
    record_payment(invoice, Money("K-P", 2040, OPENED.date()), at=OPENED, by="anna")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.open_minor) == ("paid", 0)
    no_law_is_broken()


def test_a_paid_invoice_stays_paid_and_its_credit_is_in_the_books(invoice: Invoice) -> None:
    record_payment(invoice, Money("K-P", 3240, OPENED.date()), at=OPENED, by="anna")
    note = a_credit(invoice, Part(2))
    assert (invoice.state, invoice.credited_minor, note.total_minor) == ("paid", 1200, 1200)
    no_law_is_broken()


def test_a_credit_note_cannot_be_paid(invoice: Invoice) -> None:
    note = a_credit(invoice, Part(2))
    with pytest.raises(NotOpen):
        record_payment(note, Money("K-P", 100, OPENED.date()), at=OPENED, by="anna")


def test_an_invoice_is_credited_and_issued_anew_with_the_facts_of_today(invoice: Invoice) -> None:
    Organisation.objects.filter(pk=invoice.organisation_id).update(name="New name", country="CH")
    note, anew = issue_anew(invoice, key="K-1", why="Wrong name", at=OPENED, by="anna")
    invoice.refresh_from_db()
    assert (invoice.state, note.total_minor) == ("credited", 3240)
    assert (anew.number, anew.net_minor, anew.tax_minor) == ("F-2026-0002", 2700, 0)
    assert anew.replaces == invoice
    assert anew.document is not None
    assert anew.document.snapshot["buyer"]["name"] == "New name"
    again = issue_anew(invoice, key="K-1", why="Wrong name", at=OPENED, by="anna")
    assert [one.pk for one in again] == [note.pk, anew.pk]
    no_law_is_broken()


def test_a_late_line_names_the_invoice_that_stands_not_the_one_it_replaced(
    invoice: Invoice, usage: FakeUsage
) -> None:
    line = ContractLine.objects.get()
    _, anew = issue_anew(invoice, key="K-1", why="Wrong name", at=OPENED, by="anna")
    _, last = issue_anew(anew, key="K-2", why="Wrong street", at=OPENED, by="anna")
    usage.sample(line, "10", ends_at=at("2026-11-21"), stored_at=at("2026-12-05"))
    december = Period(at("2026-12-01"), at("2027-01-01"))
    usage.exists(line, december.start, december.end)
    usage.sample(line, "1", ends_at=at("2026-12-21"))
    a_run(december, opened_at=at("2027-01-01T06:00"))
    late = InvoiceLine.objects.exclude(corrects_number="").get()
    assert (last.number, late.corrects_number) == ("F-2026-0003", "F-2026-0003")
    assert late.description == "My site: late CPU hours, corrects F-2026-0003"


def test_what_was_credited_in_part_is_not_issued_anew(invoice: Invoice) -> None:
    a_credit(invoice, Part(2))
    with pytest.raises(CreditedInPart):
        issue_anew(invoice, key="K-2", why="Wrong name", at=OPENED, by="anna")


def test_the_next_run_does_not_bill_a_credited_period_again(
    invoice: Invoice, usage: FakeUsage
) -> None:
    a_credit(invoice)
    a_run(NOVEMBER, opened_at=at("2026-12-02"))
    assert Invoice.objects.filter(kind="invoice").count() == 1


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, 1499), unique=True, max_size=6))
def test_however_it_is_cut_the_parts_add_up_to_the_invoice(
    invoice: Invoice, cuts: list[int]
) -> None:
    with transaction.atomic():
        edges = [0, *sorted(cuts), 1500]
        for start, end in pairwise(edges):
            a_credit(invoice, Part(1, net_minor=end - start), key=f"K-{start}")
        a_credit(invoice, key="K-rest")
        notes = invoice.credit_notes.all()
        assert sum(one.net_minor for one in notes) == 2700
        assert sum(one.tax_minor for one in notes) == 540
        assert invoice.state == "credited"
        transaction.set_rollback(True)
    invoice.refresh_from_db()
