"""The accountant's try-out: three resellers, two hundred customers, three months, all agrees.

Everything is billed through the pages; then the books of every seller are read in every form that
there is, and no form says anything else than another.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.audit import LAWS
from billing.invoicing.models import Invoice
from billing.invoicing.states import Kind
from billing.ledger.chart import Part
from billing.ledger.services import chart_of
from billing.ledger.setup import choose_chart
from billing.reports import accounts, datev, fec, receivables, sales
from billing.reports.compliance import look
from billing.reports.resale import reconcile
from billing.reports.table import Asked
from billing.runs import tasks
from billing.runs.models import BillingRun
from erp.base.periods import Period
from erp.catalogue.models import Offer, Plan, Price, PriceList
from erp.contracts.models import Contract, ContractLine, LinePrice
from erp.contracts.states import State
from erp.customers.models import Organisation
from tests.billing.builders import (
    FakeUsage,
    a_customer,
    a_provider,
    a_reseller,
    at,
    confirmed,
)
from tests.billing.reports import datev_rules, fec_rules
from tests.billing.test_pages import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]
D = Decimal
MONTHS = tuple(
    Period(at(f"2026-{month:02}-01"), at(f"2026-{month + 1:02}-01")) for month in (8, 9, 10)
)
QUARTER = Asked(date(2026, 1, 1), date(2026, 12, 31), "EUR", limit=None)
CUSTOMERS = 200
# Where customers are: half at home, the others across the EU, with and without a VAT number, and
# outside of it.
PLACES = (
    {"country": "FR"}, {"country": "DE", "vat_number": "DE136695976"}, {"country": "FR"},
    {"country": "ES"}, {"country": "FR"}, {"country": "US"}, {"country": "FR"},
    {"country": "IT", "vat_number": "IT00743110157"},
)  # fmt: skip
WHOLESALE = (("setup", "", "4"), ("recurring", "", "7.77"), ("metered", "cpu_hours", "0.0311"))
RETAIL = (("setup", "", "9"), ("recurring", "", "11.11"), ("metered", "cpu_hours", "0.0505"))


def plans() -> list[Plan]:
    provider = a_provider()
    offer = Offer.objects.create(organisation=provider, name="Site", summary="", product="site")
    listed = PriceList.objects.create(
        organisation=provider, name="Wholesale", currency="EUR", starts_at=at("2026-01-01")
    )
    found = []
    for number in (1, 2, 3):
        plan = Plan.objects.create(
            organisation=provider, offer=offer, code=f"p{number}", name=f"Size {number}"
        )
        for kind, meter, price in WHOLESALE:
            Price.objects.create(
                organisation=provider, price_list=listed, plan=plan, kind=kind, meter=meter,
                unit_price=D(price) * number, included_quantity=5 if meter else 0,
            )  # fmt: skip
        found.append(plan)
    return found


def a_service(buyer: Organisation, plan: Plan, number: int, starts_at: datetime) -> ContractLine:
    contract = Contract.objects.create(
        organisation=buyer, seller=buyer.parent or buyer, name=f"Site {number}", currency="EUR",
        starts_at=starts_at, state=State.ACTIVE, state_since=starts_at,
    )  # fmt: skip
    line = ContractLine.objects.create(
        organisation=buyer, contract=contract, name=f"Site {number}", plan=plan, product="site"
    )
    size = int(plan.code[1:])
    LinePrice.objects.bulk_create(
        LinePrice(
            organisation=buyer, line=line, kind=kind, meter=meter, unit="h" if meter else "",
            unit_price=D(price) * size, included_quantity=5 if meter else 0,
        )
        for kind, meter, price in RETAIL
    )  # fmt: skip
    return line


@pytest.fixture
def sellers(usage: FakeUsage) -> list[Organisation]:
    """A French provider, two French resellers and a German one, with their customers."""
    provider = a_provider(legal_id="732 829 320 00074")
    german = {"country": "DE", "vat_number": "DE811569869", "legal_id": "HRB 1"}
    resellers = [
        a_reseller("Un", legal_id="552 081 317 66522"),
        a_reseller("Deux", legal_id="552 032 534 00646"),
        confirmed(a_reseller("Drei", **german)),
    ]
    choose_chart(resellers[2], key="skr03", year_starts_month=1, at=at("2026-01-02"), by="t")
    sizes = plans()
    for number in range(CUSTOMERS):
        place: dict[str, Any] = dict(PLACES[number % len(PLACES)])
        seller = [*resellers, provider][number % 4]
        buyer = a_customer(f"Customer {number:03}", seller, **place)
        if "vat_number" in place:
            confirmed(buyer)
        start = MONTHS[0].start + timedelta(days=number % 75, hours=number % 24)
        line = a_service(buyer, sizes[number % 3], number, start)
        usage.exists(line, start, MONTHS[-1].end)
        for month in MONTHS:
            if start < month.end - timedelta(minutes=9):
                quantity = str(D(number) / 7 + month.start.month)
                usage.sample(line, quantity[:9], ends_at=month.end - timedelta(minutes=1))
    return [provider, *resellers]


def bill(client: Client, seller: Organisation, month: Period) -> None:
    """Open a run, let the workers work, look at it, have it issued: by the pages."""
    last = (month.end - timedelta(days=1)).date()
    asked = {"issuer": seller.reference, "first_day": month.start.date(), "last_day": last}
    answer = client.post("/billing-runs/new", asked)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    page = answer["Location"]
    run = BillingRun.objects.get(reference=page.rpartition("/")[2])
    tasks.work_through(run=run.pk)
    assert not run.items.filter(outcome="parked").exists(), list(
        run.items.filter(outcome="parked").values_list("reason", flat=True)[:5]
    )
    assert client.get(page).status_code == 200
    client.post(f"{page}/issue")
    tasks.issue_run(run=run.pk)
    assert not Invoice.objects.filter(run_items__run=run, state="draft").exists()


def sums_of(seller: Organisation) -> dict[str, int]:
    """What the documents say: total, tax and what is open."""
    issued = Invoice.objects.filter(issuer=seller).exclude(number="")
    found = {"total": 0, "tax": 0, "open": 0}
    for one in issued:
        sign = -1 if one.kind == Kind.CREDIT_NOTE else 1
        found["total"] += sign * one.total_minor
        found["tax"] += sign * one.tax_minor
        found["open"] += one.open_minor
    return found


def closing_of(seller: Organisation) -> dict[str, int]:
    """What the trial balance says of every account."""
    return {row.cells[0]: row.cells[5] for row in accounts.trial_balance(seller, QUARTER).rows}


def test_a_quarter_of_resellers_agrees_in_every_form(
    sellers: list[Organisation], usage: FakeUsage
) -> None:
    provider, *resellers = sellers
    clients = {provider: signed_in(provider, "accountant")}
    clients |= {one: signed_in(one, "reseller_manager") for one in resellers}
    for month in MONTHS:
        with time_machine.travel(month.end + timedelta(hours=6), tick=False):
            for seller in (*resellers, provider):
                bill(clients[seller], seller, month)
            _pay_some(clients, sellers)
        late = month.end + timedelta(days=3)
        line = ContractLine.objects.order_by("pk")[month.start.month]
        usage.sample(line, "33.3", ends_at=month.end - timedelta(hours=1), stored_at=late)

    assert {law: found for law, find in LAWS.items() if (found := find())} == {}
    for reseller in resellers:
        whole = reconcile(reseller, QUARTER)
        assert whole.problems == ()
        assert whole.wholesale_documents == len(MONTHS)
        assert 0 < whole.margin_minor < whole.retail_minor
    for seller in sellers:
        _agree(seller)
    _read_files(sellers)


def _pay_some(clients: dict[Organisation, Client], sellers: list[Organisation]) -> None:
    """Every third open invoice is paid through the page."""
    for seller in sellers:
        waiting = Invoice.objects.filter(issuer=seller, state="issued").order_by("pk")
        for invoice in waiting[::3][:5]:
            asked = {
                "key": f"K-{invoice.reference[2:]}", "amount": str(D(invoice.open_minor) / 100),
                "received_on": datetime.now(UTC).date(), "method": "transfer",
                "bank_reference": "x",
            }  # fmt: skip
            answer = clients[seller].post(f"/payments/record/{invoice.reference}", asked)
            assert answer.status_code == 302, answer.content.decode()[:3000]


def _agree(seller: Organisation) -> None:
    said, books = sums_of(seller), closing_of(seller)
    owed = books[chart_of(seller).code_for(Part.RECEIVABLE)]
    aged = receivables.aged(seller, QUARTER)
    tax = sales.tax(seller, QUARTER)

    assert sum(books.values()) == 0
    assert owed == said["open"]
    assert aged.total is not None
    assert aged.total[-1] == said["open"]
    assert tax.total is not None
    assert tax.total[-1] == said["tax"]
    assert "moved by exactly this" in tax.note
    proof = look(seller, start=QUARTER.start, end=QUARTER.end)
    wrong = {one.name: one.findings for one in proof.checks if not one.holds}
    # Nothing was rendered here: that is all that is missing.
    assert set(wrong) == {"documents"}
    assert all("not rendered yet" in one or "more" in one for one in wrong["documents"])


def _read_files(sellers: list[Organisation]) -> None:
    """The FEC of the French and the DATEV stack of the German hold what the balances say."""
    *french, german = sellers
    for seller in french:
        year = accounts.year_of(seller, QUARTER.end)
        fec.check(seller, year)
        content = b"".join(fec.lines(seller, year))
        assert fec_rules.faults(fec.name_of(seller, year), content) == []
        held: dict[str, int] = {}
        for row in content.decode(fec.ENCODING).split("\r\n")[1:-1]:
            fields = row.split("\t")
            debit, credit = (int(fields[place].replace(",", "")) for place in (11, 12))
            held[fields[4]] = held.get(fields[4], 0) + debit - credit
        ours = {code: minor for code, minor in closing_of(seller).items() if minor}
        assert {code: minor for code, minor in held.items() if minor} == ours
    stack = datev.Stack(QUARTER.start, QUARTER.end, adviser=1001, client=1)
    datev.check(german, stack)
    content = b"".join(datev.lines(german, stack, at=at("2026-12-31T12:00")))
    assert datev_rules.faults(content) == []
    held = datev_rules.balances(content)
    customers = sum(minor for code, minor in held.items() if len(code) == 5)
    ours = closing_of(german)
    assert customers == ours[chart_of(german).code_for(Part.RECEIVABLE)]
    for code in ("1200", "8400", "1776", "8336", "8338"):
        assert held.get(code, 0) == ours.get(code, 0), code
