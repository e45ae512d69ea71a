"""Why did it change: each difference has a reason, and together they are the difference."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.invoicing.changes import Billed, changes
from billing.invoicing.models import Invoice
from billing.runs.services import issue_all
from erp.base.money import charge
from erp.base.periods import Period
from tests.billing.builders import NOVEMBER, FakeUsage, a_customer, a_run, at
from tests.billing.test_main_flow import a_billed_month
from tests.billing.test_pages import signed_in

D = Decimal


def a_line(
    quantity: str, unit_price: str, *, meter: str = "", part: str = "", corrects: str = ""
) -> Billed:
    minor = charge(unit_price=D(unit_price), quantity=D(quantity), currency="EUR").minor
    key = (1, "metered" if meter else "recurring", meter, part, corrects)
    return Billed(key, meter or "base", D(quantity), D(unit_price), minor)


def reasons(before: list[Billed], after: list[Billed]) -> list[tuple[str, str, int, int]]:
    found = changes(before, after, currency="EUR")
    return [(one.description, one.reason, one.quantity_minor, one.price_minor) for one in found]


def test_more_of_it_at_a_higher_price_is_split_into_both() -> None:
    assert reasons([a_line("2", "10")], [a_line("3", "12")]) == [
        ("base", "quantity and price", 1000, 600)
    ]
    assert reasons([a_line("2", "10")], [a_line("3", "10")]) == [("base", "quantity", 1000, 0)]
    assert reasons([a_line("2", "10")], [a_line("2", "9")]) == [("base", "price", 0, -200)]
    assert reasons([a_line("2", "10")], [a_line("2", "10")]) == []


def test_what_is_new_gone_or_a_correction_is_named_so_the_greatest_first() -> None:
    before = [a_line("1", "3", meter="disk"), a_line("1", "1", meter="cpu", corrects="F-1")]
    after = [a_line("1", "2", meter="cpu"), a_line("-1", "5", meter="cpu", corrects="F-2")]
    assert reasons(before, after) == [
        ("cpu", "correction", -500, 0),
        ("disk", "gone", -300, 0),
        ("cpu", "new", 200, 0),
        ("cpu", "earlier correction", -100, 0),
    ]


def test_lines_of_two_months_are_one_thing() -> None:
    before = [a_line("1", "30")]
    assert reasons(before, [a_line("1", "30"), a_line("0.5", "30")]) == [
        ("base", "quantity", 1500, 0)
    ]
    (found,) = changes(before, [a_line("1", "30"), a_line("1", "50")], currency="EUR")
    assert found.after is not None
    assert found.after.unit_price == D(40)
    assert (found.quantity_minor, found.price_minor) == (3000, 2000)


lines = st.lists(
    st.builds(
        a_line,
        st.decimals(0, 1000, places=3).map(str),
        st.decimals(0, 100, places=4).map(str),
        meter=st.sampled_from(["", "cpu", "disk"]),
        part=st.sampled_from(["", "tier 2"]),
        corrects=st.sampled_from(["", "F-1"]),
    ),
    max_size=8,
)


@given(lines, lines)
def test_the_changes_together_are_the_difference(before: list[Billed], after: list[Billed]) -> None:
    found = changes(before, after, currency="EUR")
    difference = sum(one.minor for one in after) - sum(one.minor for one in before)
    assert sum(one.minor for one in found) == difference


@pytest.mark.django_db
def test_the_page_explains_the_second_invoice_by_the_first(usage: FakeUsage) -> None:
    line = a_billed_month(usage)
    usage.exists(line, at("2026-12-01"), at("2027-01-01"))
    usage.sample(line, "30", ends_at=at("2026-12-20"))
    issue_all(a_run(), at=at("2026-12-01T07:00"), by="anna")
    new_year = at("2027-01-01T06:00")
    second = a_run(Period(NOVEMBER.end, at("2027-01-01")), opened_at=new_year)
    issue_all(second, at=new_year, by="anna")
    first, after = Invoice.objects.order_by("period_start_at")
    owner = signed_in(first.organisation, "owner")

    page = owner.get(f"/invoices/{after.reference}/changes").content.decode()

    # Half a month more (15.00), no set-up any more (-10.00), 20 hours less (-1.00).
    for words in (first.number, "quantity", "gone", "€15.00", "-€10.00", "-€1.00", "€4.00"):
        assert words in page, words
    nothing = owner.get(f"/invoices/{first.reference}/changes").content.decode()
    assert "It is the first invoice of this service." in nothing
    stranger = signed_in(a_customer("Other"), "owner")
    assert stranger.get(f"/invoices/{after.reference}/changes").status_code == 404
