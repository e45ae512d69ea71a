"""One run bills the customers of a reseller and the reseller itself, and both go together."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest
from django.db import connection

from billing.audit import LAWS
from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.rating.models import BilledWindow, RatingRun
from billing.rating.source import BilledUsage
from billing.reports.resale import reconcile, resale
from billing.reports.table import Asked
from billing.runs.services import work_through
from erp.base import scope
from erp.base.periods import Period
from erp.catalogue.models import Price, PriceList
from erp.contracts.models import Contract, ContractLine
from erp.customers.models import Organisation
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
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
D = Decimal
DECEMBER = Period(at("2026-12-01"), at("2027-01-01"))
LATER = at("2027-01-01T06:00")
RETAIL = (
    ("setup", "", "15", "0"),
    ("recurring", "", "30", "0"),
    ("metered", "cpu_hours", "0.05", "10"),
)
BOUGHT = (
    ("setup", "", "5", "0"),
    ("recurring", "", "20", "0"),
    ("metered", "cpu_hours", "0.03", "10"),
)
IN_NOVEMBER = Asked(date(2026, 11, 1), date(2026, 11, 30), "EUR")
IN_DECEMBER = Asked(date(2026, 12, 1), date(2026, 12, 31), "EUR")


def asked_of_resellers(
    line: ContractLine,
    prices: Sequence[tuple[str, str, str, str]] = BOUGHT,
    *,
    buyer: Organisation | None = None,
) -> PriceList:
    provider = a_provider()
    listed, _ = PriceList.objects.get_or_create(
        organisation=provider, buyer=buyer, currency="EUR",
        defaults={"name": "For resellers", "starts_at": at("2026-01-01")},
    )  # fmt: skip
    for kind, meter, unit_price, included in prices:
        Price.objects.create(
            organisation=provider, price_list=listed, plan=line.plan, kind=kind, meter=meter,
            unit="h" if meter else "", unit_price=D(unit_price), included_quantity=D(included),
        )  # fmt: skip
    return listed


def a_sold_line(
    usage: FakeUsage, reseller: Organisation, name: str = "Customer", *, used: str = "50"
) -> ContractLine:
    line = a_contract(a_customer(name, reseller), prices=RETAIL)
    usage.exists(line, NOVEMBER.start, DECEMBER.end)
    usage.sample(line, used, ends_at=at("2026-11-20"))
    return line


def issue_all(*, on: object = OPENED) -> None:
    for draft in Invoice.objects.filter(state="draft").order_by("pk"):
        invoicing.issue(draft, at=on, by="anna")  # type: ignore[arg-type]


def wholesale_of(reseller: Organisation) -> Invoice:
    return Invoice.objects.get(organisation=reseller, contract__is_wholesale=True, state="draft")


def test_one_run_bills_the_customers_and_the_reseller(usage: FakeUsage) -> None:
    reseller = a_reseller()
    lines = [a_sold_line(usage, reseller, name) for name in ("Ann", "Bob")]
    for line in lines:
        asked_of_resellers(line)

    run = a_run(issuer=reseller)

    retail = Invoice.objects.filter(run_items__run=run).order_by("pk")
    wholesale = wholesale_of(reseller)
    # 15 once, 30 for the month, 40 of 50 hours at 0.05; the provider asks 5, 20 and 0.03.
    assert [one.net_minor for one in retail] == [4700, 4700]
    assert (wholesale.issuer, wholesale.net_minor) == (a_provider(), 2 * (500 + 2000 + 120))
    assert wholesale.rating_run.cut_off_at == run.cut_off_at
    names = [one.description for one in wholesale.lines.order_by("position")[:3]]
    reference = lines[0].contract.reference
    assert names == [
        f"{reference} My site: base price, November 2026",
        f"{reference} My site: set-up",
        f"{reference} My site: CPU hours",
    ]

    issue_all()
    whole = reconcile(reseller, IN_NOVEMBER)
    assert (whole.retail_minor, whole.wholesale_minor, whole.margin_minor) == (9400, 5240, 4160)
    assert (whole.retail_documents, whole.wholesale_documents, whole.problems) == (2, 1, ())
    rows = list(resale(reseller, IN_NOVEMBER).rows)
    assert [row.cells[2:6] for row in rows[:3]] == [
        ("cpu hours", 200, 120, 80),
        ("recurring", 3000, 2000, 1000),
        ("setup", 1500, 500, 1000),
    ]
    assert sum(row.cells[5] for row in rows) == whole.margin_minor
    assert {law: found for law, find in LAWS.items() if (found := find())} == {}


def test_a_second_run_of_anybody_bills_nothing_twice(usage: FakeUsage) -> None:
    reseller = a_reseller()
    asked_of_resellers(a_sold_line(usage, reseller))
    run = a_run(issuer=reseller)
    work_through(run, at=OPENED, by="anna")
    a_run(opened_at=at("2026-12-01T07:00"))

    issue_all()
    a_run(opened_at=at("2026-12-01T08:00"))
    a_run(issuer=reseller, opened_at=at("2026-12-01T09:00"))

    assert Invoice.objects.exclude(number="").count() == 2
    assert not Invoice.objects.filter(number="").exists()
    assert BilledWindow.objects.count() == 6


def test_the_provider_bills_a_reseller_that_never_billed(usage: FakeUsage) -> None:
    reseller = a_reseller()
    asked_of_resellers(a_sold_line(usage, reseller))

    run = a_run()

    (item,) = run.items.all()
    assert (item.organisation, item.outcome) == (reseller, "drafted")
    issue_all()
    whole = reconcile(reseller, IN_NOVEMBER)
    assert whole.problems == ("3 billed by the provider and not sold on",)
    a_run(issuer=reseller, opened_at=at("2026-12-01T07:00"))
    issue_all()
    assert reconcile(reseller, IN_NOVEMBER).problems == ()


def test_late_samples_follow_on_both_sides(usage: FakeUsage) -> None:
    reseller = a_reseller()
    line = a_sold_line(usage, reseller)
    asked_of_resellers(line)
    a_run(issuer=reseller)
    issue_all()
    late = at("2026-12-02")
    usage.sample(line, "100", ends_at=at("2026-11-21"), stored_at=late)
    usage.sample(line, "10", ends_at=at("2026-12-21"))

    a_run(DECEMBER, issuer=reseller, opened_at=LATER)
    issue_all(on=LATER)

    whole = reconcile(reseller, IN_DECEMBER)
    # December's base price, and 100 hours of November that came late.
    assert (whole.retail_minor, whole.wholesale_minor) == (3000 + 500, 2000 + 300)
    assert whole.problems == ()
    wholesale = Invoice.objects.get(contract__is_wholesale=True, period_end_at=DECEMBER.end)
    november = Invoice.objects.get(contract__is_wholesale=True, period_end_at=NOVEMBER.end)
    assert {one.corrects_number for one in wholesale.lines.all()} == {"", november.number}


def test_what_has_no_wholesale_price_waits_and_stops_nothing(usage: FakeUsage) -> None:
    reseller = a_reseller()
    priced, unpriced = (a_sold_line(usage, reseller, name) for name in ("Ann", "Bob"))
    asked_of_resellers(priced)

    a_run(issuer=reseller)

    wholesale = wholesale_of(reseller)
    assert wholesale.net_minor == 2620
    left_out = RatingRun.objects.get(pk=wholesale.rating_run_id).left_out
    assert left_out == {unpriced.contract.reference: "“For resellers” has no price for Site Small."}
    issue_all()
    assert reconcile(reseller, IN_NOVEMBER).problems == ("3 sold and not billed by the provider",)

    asked_of_resellers(unpriced)
    for line in (priced, unpriced):
        usage.sample(line, "10", ends_at=at("2026-12-20"))
    a_run(DECEMBER, issuer=reseller, opened_at=LATER)
    # Two months of the one with its set-up and 40 hours beyond 20; December of the other.
    assert wholesale_of(reseller).net_minor == (500 + 4000 + 120) + 2000


def test_a_resellers_own_list_goes_before_the_one_for_everybody(usage: FakeUsage) -> None:
    reseller, rival = a_reseller("Reseller"), a_reseller("Rival")
    mine, theirs = a_sold_line(usage, reseller, "Ann"), a_sold_line(usage, rival, "Bob")
    for line in (mine, theirs):
        asked_of_resellers(line)
    asked_of_resellers(mine, (("recurring", "", "12", "0"),), buyer=reseller)

    a_run()

    assert (wholesale_of(reseller).net_minor, wholesale_of(rival).net_minor) == (1200, 2620)


def test_the_reseller_sees_its_margin_and_its_customer_nothing_of_it(usage: FakeUsage) -> None:
    reseller = a_reseller()
    line = a_sold_line(usage, reseller)
    listed = asked_of_resellers(line, buyer=reseller)
    a_run(issuer=reseller)
    manager, owner = signed_in(reseller, "reseller_manager"), signed_in(line.organisation, "owner")
    draft = f"/invoices/{wholesale_of(reseller).reference}"
    assert manager.get(draft).status_code == 404
    issue_all()
    page = f"/reports/resale?books={reseller.reference}&from=2026-11-01&to=2026-11-30"

    text = manager.get(page).content.decode()
    assert "Both sides go together" in text
    assert "20.80" in text
    assert manager.get(draft).status_code == 200
    assert owner.get(page).status_code == 403
    assert owner.get(draft).status_code == 404
    assert owner.get(f"/catalogue/price-lists/{listed.reference}").status_code in (403, 404)
    assert manager.get(f"/catalogue/price-lists/{listed.reference}").status_code == 200
    wholesale = Contract.objects.get(is_wholesale=True)
    assert owner.get(f"/services/{wholesale.reference}").status_code == 404
    assert manager.get(f"/services/{wholesale.reference}").status_code == 200
    ended = manager.post(f"/services/{wholesale.reference}/end", {"confirm": "Wholesale"})
    assert ended.status_code == 403


def test_the_second_lock_hides_a_resellers_prices_from_its_customers(usage: FakeUsage) -> None:
    reseller = a_reseller()
    line = a_sold_line(usage, reseller)
    asked_of_resellers(line, buyer=reseller)
    public = asked_of_resellers(line)

    def seen(organisation: Organisation) -> tuple[int, int]:
        with scope.organisations([organisation.pk]), connection.cursor():
            return PriceList.objects.count(), Price.objects.count()

    assert seen(reseller) == (2, 6)
    assert seen(line.organisation) == (1, 3)
    assert public.buyer is None


def test_samples_are_kept_until_both_have_paid_for_them(usage: FakeUsage) -> None:
    reseller = a_reseller()
    line = a_sold_line(usage, reseller)
    Contract.objects.filter(pk=line.contract_id).update(ends_at=NOVEMBER.end)
    a_run(issuer=reseller)
    issue_all()
    assert BilledUsage().settled(lines=[line.pk]) == {}

    asked_of_resellers(line)
    a_run(opened_at=at("2026-12-01T07:00"))
    issue_all()
    assert line.pk in BilledUsage().settled(lines=[line.pk])
