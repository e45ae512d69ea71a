"""The pages of money, as an accountant, a reseller, a customer and a stranger open them."""

from datetime import date

import pytest
from django.contrib.auth.models import User
from django.test import Client

from billing.documents.models import Document
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.payments.models import Receipt
from billing.payments.services import Money, record_payment
from billing.runs.models import BillingRun
from billing.runs.services import work_through
from erp.customers.models import Member, Organisation
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_reseller,
    a_run,
    at,
)

pytestmark = pytest.mark.django_db
PRICES = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))


def signed_in(organisation: Organisation, role: str) -> Client:
    user = User.objects.create_user(f"{role}-{organisation.reference}")
    Member.objects.create(organisation=organisation, user=user, role=role)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def draft(usage: FakeUsage) -> Invoice:
    """Of a reseller to its customer: 30.00 and 40 hours beyond the included at 0.05."""
    reseller = a_reseller()
    line = a_contract(a_customer(seller=reseller), prices=PRICES)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "50", ends_at=at("2026-11-20"))
    a_run(issuer=reseller)
    return Invoice.objects.get()


@pytest.fixture
def issued(draft: Invoice) -> Invoice:
    return invoicing.issue(draft, at=OPENED, by="anna")


def test_an_accountant_bills_a_month_by_three_clicks(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = a_contract(prices=PRICES)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "50", ends_at=at("2026-11-20"))
    monkeypatch.setattr("billing.runs.views.now", lambda: OPENED)
    accountant = signed_in(a_provider(), "accountant")
    form = accountant.get("/billing-runs/new").content.decode()
    assert 'value="2026-11-01"' in form
    asked = {
        "issuer": a_provider().reference,
        "first_day": "2026-11-01",
        "last_day": "2026-11-30",
    }
    page = accountant.post("/billing-runs/new", asked)
    run = BillingRun.objects.get()
    assert page.headers["Location"] == f"/billing-runs/{run.reference}"
    assert "being made" in accountant.get(page.headers["Location"]).content.decode()
    work_through(run, at=OPENED, by="anna")
    shown = accountant.get(f"/billing-runs/{run.reference}").content.decode()
    assert "Issue 1 draft" in shown
    assert "€38.40" in shown
    for _ in range(2):
        asked_again = accountant.post(f"/billing-runs/{run.reference}/issue")
        assert asked_again.status_code == 302
    run.refresh_from_db()
    assert run.issue_asked_at == OPENED


def test_a_period_that_is_not_over_is_refused_in_words(usage: FakeUsage) -> None:
    accountant = signed_in(a_provider(), "accountant")
    asked = {"issuer": a_provider().reference, "first_day": "2030-01-01", "last_day": "2030-01-31"}
    answer = accountant.post("/billing-runs/new", asked)
    assert answer.status_code == 422
    assert "is not over yet" in answer.content.decode()
    backwards = asked | {"first_day": "2026-02-01", "last_day": "2026-01-01"}
    page = accountant.post("/billing-runs/new", backwards).content.decode()
    assert "before the first" in page
    assert not BillingRun.objects.exists()


def test_a_draft_is_known_to_who_bills_only(draft: Invoice) -> None:
    place = f"/invoices/{draft.reference}"
    assert signed_in(draft.organisation, "owner").get(place).status_code == 404
    for client in (
        signed_in(draft.issuer, "reseller_manager"),
        signed_in(a_provider(), "accountant"),
    ):
        assert client.get(place).status_code == 200
    assert (
        draft.reference
        not in signed_in(draft.organisation, "billing").get("/invoices/").content.decode()
    )


def test_issuing_twice_by_the_page_is_one_number(draft: Invoice) -> None:
    accountant = signed_in(a_provider(), "accountant")
    for _ in range(2):
        accountant.post(f"/invoices/{draft.reference}/issue")
    draft.refresh_from_db()
    assert draft.number.endswith("-0001")
    assert Document.objects.count() == 1


def test_a_draft_is_discarded_with_a_reason_only(draft: Invoice) -> None:
    accountant = signed_in(a_provider(), "accountant")
    accountant.post(f"/invoices/{draft.reference}/discard", {"why": ""})
    draft.refresh_from_db()
    assert draft.state == "draft"
    accountant.post(f"/invoices/{draft.reference}/discard", {"why": "wrong plan"})
    draft.refresh_from_db()
    assert (draft.state, draft.state_reason) == ("discarded", "wrong plan")


def test_every_line_opens_to_its_samples(issued: Invoice) -> None:
    customer = signed_in(issued.organisation, "billing")
    page = customer.get(f"/invoices/{issued.reference}").content.decode()
    assert "My site: CPU hours" in page
    assert "€38.40" in page
    line = issued.lines.get(description="My site: CPU hours")
    explained = customer.get(f"/invoices/{issued.reference}/lines/{line.position}").content.decode()
    for words in ("50", "Included", "10 h", issued.rating_run.reference, "node-1", "I-1"):
        assert words in explained, words
    base = issued.lines.exclude(pk=line.pk).get()
    assert (
        "existed"
        in customer.get(f"/invoices/{issued.reference}/lines/{base.position}")
        .content.decode()
        .lower()
    )


def test_strangers_know_nothing_of_it(issued: Invoice) -> None:
    stranger = signed_in(a_customer("Stranger"), "owner")
    places = ["", "/lines/1", "/pdf", "/xml"]
    for place in places:
        assert stranger.get(f"/invoices/{issued.reference}{place}").status_code == 404
    assert stranger.get(f"/payments/of-invoice/{issued.reference}").status_code == 404
    assert issued.number not in stranger.get("/invoices/").content.decode()
    assert issued.number not in b"".join(stranger.get("/invoices/export.csv")).decode()
    assert stranger.get("/ledger/").status_code == 403
    assert stranger.get("/billing-runs/").status_code == 403


def test_a_buyer_cannot_bill(issued: Invoice) -> None:
    owner = signed_in(issued.organisation, "owner")
    assert owner.post(f"/invoices/{issued.reference}/issue").status_code == 403
    assert owner.get(f"/payments/record/{issued.reference}").status_code == 403


def test_the_pdf_waits_for_its_rendering_in_words(issued: Invoice) -> None:
    answer = signed_in(issued.organisation, "owner").get(f"/invoices/{issued.reference}/pdf")
    assert answer.status_code == 409
    assert "not rendered yet" in answer.content.decode()


def test_a_payment_is_recorded_once_and_marks_the_invoice_paid(issued: Invoice) -> None:
    accountant = signed_in(a_provider(), "accountant")
    place = f"/payments/record/{issued.reference}"
    form = accountant.get(place).context["form"]
    assert str(form["amount"].value()) == "38.40"
    money = {
        "key": form["key"].value(),
        "amount": "38.40",
        "received_on": date(2026, 12, 3).isoformat(),
        "method": "transfer",
    }
    too_much = accountant.post(place, money | {"key": "K-00000001", "amount": "99"})
    assert too_much.status_code == 422
    assert "38.40 EUR open" in too_much.content.decode()
    assert accountant.post(place, money | {"amount": "38.401"}).status_code == 422
    for _ in range(2):
        assert accountant.post(place, money).status_code == 302
    issued.refresh_from_db()
    assert (issued.state, Receipt.objects.count()) == ("paid", 1)
    assert Receipt.objects.get().reference in accountant.get("/payments/").content.decode()


def test_the_books_are_shown_balanced(issued: Invoice) -> None:
    reader = signed_in(a_provider(), "accountant")
    books = issued.issuer.reference
    journal = reader.get(f"/ledger/?books={books}").content.decode()
    for words in ("411.", "706", "44571.FR.20.00", "€38.40", "€30.00", "€2.00", "€6.40"):
        assert words in journal, words
    day = issued.issued_on
    asked = f"books={books}&from={day}&to={day}"
    balances = reader.get(f"/reports/trial-balance?{asked}").content.decode()
    assert "30.00" in balances
    assert reader.get(f"/ledger/?books={issued.organisation.reference}").status_code == 404


def test_the_service_page_shows_its_cost_and_invoices(issued: Invoice) -> None:
    owner = signed_in(issued.organisation, "owner")
    contract = issued.contract.reference
    assert issued.number in owner.get(f"/invoices/of-contract/{contract}").content.decode()
    assert owner.get(f"/invoices/cost-so-far/{contract}").status_code == 200


def test_a_role_in_one_organisation_opens_no_payments_of_another(issued: Invoice) -> None:
    money = Money("K-1", 100, OPENED.date())
    receipt = record_payment(issued, money, at=OPENED, by="anna")
    user = User.objects.create_user("two-hats")
    Member.objects.create(organisation=issued.organisation, user=user, role="technical")
    Member.objects.create(organisation=a_customer(name="Own"), user=user, role="billing")
    client = Client()
    client.force_login(user)

    assert receipt.reference not in client.get("/payments/").content.decode()
    assert client.get(f"/invoices/{issued.reference}").status_code == 404


def test_an_accountant_corrects_an_invoice_by_a_form(
    issued: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.invoicing.views.now", lambda: OPENED)
    client = signed_in(issued.issuer, "reseller_manager")
    page = client.get(f"/invoices/{issued.reference}/credit")
    assert "€38.40 of €38.40 is left to credit" in page.content.decode()
    typed = {"key": "K-00000001", "extent": "parts", "why": "Too slow"}
    refused = client.post(f"/invoices/{issued.reference}/credit", typed)
    assert refused.status_code == 422
    assert "at least one line" in refused.content.decode()
    typed["quantity_2"] = "10"
    for _ in range(2):
        answer = client.post(f"/invoices/{issued.reference}/credit", typed)
    note = Invoice.objects.get(kind="credit_note")
    assert answer.headers["Location"] == f"/invoices/{note.reference}"
    assert (note.net_minor, note.tax_minor, note.reason) == (50, 10, "Too slow")
    assert note.number in client.get(f"/invoices/{issued.reference}").content.decode()


def test_an_accountant_issues_an_invoice_anew_by_one_click(
    issued: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.invoicing.views.now", lambda: OPENED)
    client = signed_in(issued.issuer, "reseller_manager")
    typed = {"key": "K-00000001", "extent": "anew", "why": "Wrong address"}
    client.post(f"/invoices/{issued.reference}/credit", typed)
    anew = Invoice.objects.get(replaces=issued)
    assert (anew.number, anew.total_minor) == ("F-2026-0002", issued.total_minor)
    page = client.get(f"/invoices/{issued.reference}").content.decode()
    assert f"/invoices/{anew.reference}" in page
    assert "/credit" not in page


def test_a_customer_sees_a_credit_note_and_cannot_make_one(issued: Invoice) -> None:
    reader = signed_in(issued.organisation, "billing")
    assert reader.get(f"/invoices/{issued.reference}/credit").status_code == 403
    assert reader.post(f"/invoices/{issued.reference}/credit").status_code == 403
    assert "/credit" not in reader.get(f"/invoices/{issued.reference}").content.decode()
