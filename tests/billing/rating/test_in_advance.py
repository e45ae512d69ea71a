"""Base prices billed when their month begins, deferred, and corrected when a plan changes."""

from datetime import date
from decimal import Decimal

import pytest

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.ledger import deferrals as ledger_deferrals
from billing.ledger.models import Deferral
from billing.rating import preview
from erp.base.periods import Period
from erp.catalogue.models import Price
from erp.contracts import changes
from erp.contracts.models import ContractLine, LinePrice
from erp.customers.models import Organisation
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_run, at
from tests.billing.rating.test_versions import BIG, SMALL, a_resizable_line, plain, resize

pytestmark = pytest.mark.django_db
D = Decimal
DECEMBER = Period(at("2026-12-01"), at("2027-01-01"))


def a_line_in_advance(usage: FakeUsage, *, upgrades: str = "prorated") -> ContractLine:
    line = a_resizable_line(usage, upgrades=upgrades, prices=(SMALL[0],))
    usage.exists(line, NOVEMBER.start, at("2027-03-01"))
    LinePrice.objects.update(in_advance=True)
    Price.objects.filter(kind="recurring").update(in_advance=True)
    Price.objects.filter(kind="metered").delete()
    return line


def bill(period: Period, opened: str) -> list[tuple[str, str, str, int]]:
    """Run and issue; return first day, quantity, unit price and amount of each line."""
    a_run(period, opened_at=at(opened))
    drafts = list(Invoice.objects.filter(number=""))
    for one in drafts:
        invoicing.issue(one, at=at(opened), by="anna")
    return [
        (f"{one.starts_at:%m-%d}", plain(one.quantity), plain(one.unit_price), one.net_minor)
        for invoice in drafts
        for one in invoice.lines.all()
    ]


def test_the_first_invoice_bills_what_is_over_and_the_month_that_begins(usage: FakeUsage) -> None:
    a_line_in_advance(usage)

    assert bill(NOVEMBER, "2026-12-01T06:00") == [
        ("11-01", "1", "30", 3000),
        ("12-01", "1", "30", 3000),
    ]
    assert bill(DECEMBER, "2027-01-01T06:00") == [("01-01", "1", "30", 3000)]


def test_what_is_for_a_later_month_waits_in_the_books(usage: FakeUsage) -> None:
    """In New York the last evening of November is December in the billing calendar already."""
    line = a_line_in_advance(usage)
    Organisation.objects.filter(pk=line.contract.seller_id).update(time_zone="America/New_York")

    bill(NOVEMBER, "2026-12-01T00:00")

    assert Invoice.objects.get().issued_on == date(2026, 11, 30)
    waiting = Deferral.objects.get()
    assert (waiting.month_on, waiting.minor) == (date(2026, 12, 1), 3000)
    ledger_deferrals.release(waiting.entry, waiting.month_on, at=at("2027-01-02"))
    assert Deferral.objects.exclude(released_by=None).count() == 1


def test_nothing_is_billed_before_the_service_exists(usage: FakeUsage) -> None:
    line = a_line_in_advance(usage)
    usage.existed[line.pk] = [Period(at("2026-12-11"), at("2027-03-01"))]

    assert bill(NOVEMBER, "2026-12-01T06:00") == []
    assert bill(DECEMBER, "2027-01-01T06:00") == [
        ("12-01", "0.677419355", "30", 2032),
        ("01-01", "1", "30", 3000),
    ]


def test_an_upgrade_in_a_billed_month_corrects_it_by_the_second(usage: FakeUsage) -> None:
    line = a_line_in_advance(usage)
    bill(NOVEMBER, "2026-12-01T06:00")
    moment = at("2026-12-16T12:00")
    line = ContractLine.objects.select_related("contract__seller", "plan__offer").get(pk=line.pk)
    big = line.plan.offer.plans.get(code="big")

    shown = preview.this_month(changes.outlook(line, big, D(1), at=moment), at=moment)
    resize(line, "big", "2026-12-16T12:00")
    billed = bill(DECEMBER, "2027-01-01T06:00")

    assert [(plain(one.quantity), one.minor) for one in shown] == [("-0.5", -1500), ("0.5", 4500)]
    assert billed == [
        ("01-01", "1", "90", 9000),
        ("12-01", "-0.5", "30", -1500),
        ("12-01", "0.5", "90", 4500),
    ]
    assert bill(Period(DECEMBER.end, at("2027-02-01")), "2027-02-01T06:00") == [
        ("02-01", "1", "90", 9000)
    ]


def test_where_the_month_is_paid_in_full_the_whole_billed_month_is_corrected(
    usage: FakeUsage,
) -> None:
    line = a_line_in_advance(usage, upgrades="full_month")
    bill(NOVEMBER, "2026-12-01T06:00")
    resize(line, "big", "2026-12-31T23:59")

    assert bill(DECEMBER, "2027-01-01T06:00")[1:] == [
        ("12-01", "-1", "30", -3000),
        ("12-01", "1", "90", 9000),
    ]


def test_a_downgrade_is_billed_from_the_renewal_on_and_gives_nothing_back(
    usage: FakeUsage,
) -> None:
    line = a_line_in_advance(usage)
    resize(line, "small", "2026-11-02T00:00", quantity="3")
    resize(line, "small", "2026-11-10T00:00", quantity="2")

    assert bill(NOVEMBER, "2026-12-01T06:00") == [
        ("11-01", "0.033333333", "30", 100),
        ("11-02", "2.9", "30", 8700),
        ("12-01", "2", "30", 6000),
    ]


def test_a_month_in_advance_is_not_given_back_when_the_service_ends(usage: FakeUsage) -> None:
    line = a_line_in_advance(usage)
    bill(NOVEMBER, "2026-12-01T06:00")
    line.contract.ends_at = at("2026-12-10")
    line.contract.save()
    usage.existed[line.pk] = [Period(NOVEMBER.start, at("2026-12-10"))]

    assert bill(DECEMBER, "2027-01-01T06:00") == []


def test_in_arrears_an_upgrade_paid_in_full_reaches_into_what_a_run_billed(
    usage: FakeUsage,
) -> None:
    line = a_resizable_line(usage, upgrades="full_month", prices=(SMALL[0],))
    Price.objects.filter(kind="metered").delete()
    assert BIG[0][2] == "90"
    assert bill(Period(NOVEMBER.start, at("2026-11-16")), "2026-11-16T00:00") == [
        ("11-01", "0.5", "30", 1500)
    ]
    resize(line, "big", "2026-11-20T00:00")

    assert bill(NOVEMBER, str(OPENED)[:16]) == [
        ("11-16", "0.5", "90", 4500),
        ("11-01", "-0.5", "30", -1500),
        ("11-01", "0.5", "90", 4500),
    ]
