"""A service that changed within a month: each version for its time, together to the cent."""

from decimal import Decimal
from typing import Any

import pytest

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.rating import preview, simulation
from billing.rating import services as rating
from erp.base.periods import Period
from erp.catalogue.models import Plan, Price, PriceList
from erp.contracts import changes
from erp.contracts.models import ContractLine, LineChange
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_run,
    at,
)

pytestmark = pytest.mark.django_db
D = Decimal
SMALL = (
    ("recurring", "", "30", "0"),
    ("setup", "", "7", "0"),
    ("metered", "cpu_hours", "0.10", "30"),
)
BIG = (("recurring", "", "90", "0"), ("metered", "cpu_hours", "0.02", "90"))
DECEMBER = Period(at("2026-12-01"), at("2027-01-01"))


def a_resizable_line(usage: FakeUsage, *, upgrades: str = "prorated", **facts: Any) -> ContractLine:
    """Return a line on the small of two plans, which existed all November."""
    line = a_contract(**({"prices": SMALL} | facts))
    line.contract.refresh_from_db()
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    seller, offer = line.contract.seller, line.plan.offer
    Plan.objects.create(
        organisation=offer.organisation, offer=offer, code="big", name="Big",
        limits={"memory_mib": 4096}, position=2,
    )  # fmt: skip
    listed = PriceList.objects.create(
        organisation=seller, name="2026", currency="EUR", starts_at=at("2026-01-01"),
        upgrades=upgrades,
    )  # fmt: skip
    for code, prices in (("small", SMALL), ("big", BIG)):
        for kind, meter, unit_price, included in prices:
            Price.objects.create(
                organisation=seller, price_list=listed, plan=offer.plans.get(code=code), kind=kind,
                meter=meter, unit="h" if meter else "", unit_price=D(unit_price),
                included_quantity=D(included),
            )  # fmt: skip
    return line


def resize(line: ContractLine, code: str, moment: str, *, quantity: str = "1") -> LineChange:
    plan = line.plan.offer.plans.get(code=code)
    wish = changes.Wish(f"K-{moment}-{code}", plan, D(quantity))
    line = ContractLine.objects.select_related("contract__seller", "plan__offer").get(pk=line.pk)
    return changes.change(line, wish, at=at(moment), by="alice")


def billed() -> list[tuple[str, str, str, int]]:
    """Return the lines of the one invoice: kind, quantity, unit price and amount."""
    lines = Invoice.objects.get().lines.select_related("rated_line")
    return [
        (one.rated_line.kind, plain(one.quantity), plain(one.unit_price), one.net_minor)
        for one in lines
    ]


def plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def test_an_upgrade_is_rated_by_the_second_with_the_terms_of_each_plan(usage: FakeUsage) -> None:
    line = a_resizable_line(usage)
    usage.sample(line, "40", ends_at=at("2026-11-10"))
    resize(line, "big", "2026-11-16T00:00")
    usage.sample(line, "100", ends_at=at("2026-11-20"))

    a_run()

    # Half of each base price; 40 hours beyond half of 30, and 100 beyond half of 90.
    assert billed() == [
        ("recurring", "0.5", "30", 1500),
        ("recurring", "0.5", "90", 4500),
        ("metered", "25", "0.1", 250),
        ("setup", "1", "7", 700),
        ("metered", "55", "0.02", 110),
    ]


def test_the_preview_is_the_invoice_to_the_cent_at_an_odd_second(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, prices=(SMALL[0],))
    moment = at("2026-11-12T10:17:23")
    plan = line.plan.offer.plans.get(code="big")
    line = ContractLine.objects.select_related("contract__seller", "plan__offer").get(pk=line.pk)

    shown = preview.this_month(changes.outlook(line, plan, D(3), at=moment), at=moment)
    resize(line, "big", "2026-11-12T10:17:23", quantity="3")
    for day in range(1, 31):
        usage.sample(line, "0", ends_at=at(f"2026-11-{day:02}"))
    a_run()

    invoiced = [
        one for one in Invoice.objects.get().lines.all() if one.rated_line.kind == "recurring"
    ]
    assert [(one.quantity, one.minor) for one in shown] == [
        (one.quantity, one.net_minor) for one in invoiced
    ]
    assert [one.minor for one in shown] == [1143, 16714]


@pytest.mark.parametrize(("upgrades", "base"), [("prorated", 3000), ("full_month", 9000)])
def test_upgrading_late_does_not_pay_where_the_month_is_paid_in_full(
    usage: FakeUsage, upgrades: str, base: int
) -> None:
    """A month on the small plan, and in its last minute the greater one for a heavy job."""
    line = a_resizable_line(usage, upgrades=upgrades, prices=(SMALL[0], SMALL[2]))
    usage.sample(line, "30", ends_at=at("2026-11-29"))

    change = resize(line, "big", "2026-11-30T23:59")
    usage.sample(line, "500", ends_at=at("2026-12-01"))
    a_run()

    assert sum(minor for kind, _, _, minor in billed() if kind == "recurring") == base
    assert change.base_from == (at("2026-11-01") if base == 9000 else change.effective_at)


def test_a_second_upgrade_in_a_month_paid_in_full_bills_the_greatest_once(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, upgrades="full_month", prices=(SMALL[0],))
    resize(line, "big", "2026-11-10T08:00")
    resize(line, "big", "2026-11-20T08:00", quantity="2")
    usage.sample(line, "0", ends_at=at("2026-11-25"))

    a_run()

    assert [row for row in billed() if row[0] == "recurring"] == [("recurring", "2", "90", 18000)]


def test_a_downgrade_waits_for_the_renewal(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, prices=(BIG[0],))
    ContractLine.objects.filter(pk=line.pk).update(plan=line.plan.offer.plans.get(code="big"))

    change = resize(line, "small", "2026-11-12T10:00")
    a_run()

    assert change.effective_at == at("2026-12-01")
    assert billed() == [("recurring", "1", "90", 9000)]


def test_a_part_without_a_sample_of_its_own_used_nothing(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, prices=(SMALL[0], SMALL[2]))
    usage.sample(line, "40", ends_at=at("2026-11-10"))
    resize(line, "big", "2026-11-30T23:59:58")

    a_run()

    assert [row[1:] for row in billed() if row[0] == "metered"][1] == ("0", "0.02", 0)


def test_late_samples_are_corrected_at_the_terms_of_their_version(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, prices=(SMALL[0], SMALL[2]))
    usage.sample(line, "40", ends_at=at("2026-11-10"))
    resize(line, "big", "2026-11-16T00:00")
    usage.sample(line, "100", ends_at=at("2026-11-20"))
    a_run()
    invoicing.issue(Invoice.objects.get(), at=OPENED, by="anna")
    usage.sample(line, "10", ends_at=at("2026-11-11"), stored_at=at("2026-12-02"))
    usage.sample(line, "10", ends_at=at("2026-11-21"), stored_at=at("2026-12-02"))

    late = rating.price(line.contract, window=DECEMBER, cut_off=at("2027-01-01"))

    found = sorted((one.quantity, one.minor) for one in late if one.corrects)
    assert found == [(D(10), 20), (D(10), 100)]


def test_a_simulation_knows_the_versions(usage: FakeUsage) -> None:
    line = a_resizable_line(usage, prices=(SMALL[0],))
    resize(line, "big", "2026-11-16T00:00", quantity="2")
    usage.sample(line, "90", ends_at=at("2026-11-17"))
    listed = PriceList.objects.get()
    lines = list(simulation.lines_of(listed, NOVEMBER).prefetch_related("prices"))

    (found,) = simulation.at_list(listed, lines, NOVEMBER, OPENED)
    a_run()

    # Agreed: half a month of the small one, half of two great ones; else the great one all along.
    assert found.agreed_minor == Invoice.objects.get().net_minor == 1500 + 9000
    assert found.other_minor == 4500 + 9000
