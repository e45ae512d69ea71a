"""Pricing a service: every charge model with its evidence, and late samples that add up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.price import NotMeasured, charges, late, shares_of, unit_of
from billing.rating.tariffs import Billed, Charge, Measured, Service, Tariff
from erp.base.periods import Period
from erp.catalogue.terms import Model, Terms, Tier, read_whole
from tests.erp.catalogue.test_terms import all_terms, numbers

D = Decimal
NOVEMBER = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
TIERS = (Tier(D(10), D("1"), D("5")), Tier(None, D("0.5")))


def measured(quantity: Decimal, samples: int = 3) -> Measured:
    return Measured(quantity, samples, NOVEMBER.start, NOVEMBER.end)


def a_service(
    *tariffs: Tariff, used: Decimal | None = None, quantity: str = "1", days: int = 30
) -> Service:
    """Return a service that existed for the last days of November."""
    existed = Period(NOVEMBER.end - timedelta(days=days), NOVEMBER.end)
    usage = {} if used is None else {"cpu_hours": measured(used)}
    return Service(
        line=7, name="My site", quantity=D(quantity), tariffs=tariffs, converged=(existed,),
        usage=usage, setup_due=True,
    )  # fmt: skip


def metered(terms: Terms) -> Tariff:
    return Tariff("metered", "cpu_hours", "h", terms)


def billed(found: list[Charge], tariff: Tariff, *, number: str = "F-1") -> Billed:
    """Return what the charges of one meter are once they are on an invoice."""
    first = found[0]
    sums: dict[tuple[str, Decimal], tuple[Decimal, int]] = {}
    for one in found:
        quantity, minor = sums.get((one.part, one.unit_price), (D(0), 0))
        sums[one.part, one.unit_price] = quantity + one.quantity, minor + one.minor
    return Billed(
        rated_line=70, contract=1, line=7, name="My site",
        tariff=replace(tariff, terms=read_whole(first.terms)), window=NOVEMBER,
        used=sum((one.used or D(0) for one in found), D(0)),
        included=first.included, scale=D(first.evidence["scale"]), pieces=sums,
        invoice_number=number,
    )  # fmt: skip


def test_a_charge_in_tiers_has_a_line_each_and_the_first_bears_the_evidence() -> None:
    terms = Terms(D(0), D(2), Model.GRADUATED, tiers=TIERS, minimum=D(20))
    found = charges(a_service(metered(terms), used=D(20), days=15), NOVEMBER, "EUR")

    lines = [(one.part, one.description, one.quantity, one.unit, one.minor) for one in found]
    assert lines == [
        ("", "My site: CPU hours", D(5), "h", 500),
        ("tier 1 flat", "My site: CPU hours, tier 1 flat", D("0.5"), "month", 250),
        ("tier 2", "My site: CPU hours, tier 2", D(14), "h", 700),
    ]
    assert [one.used for one in found] == [D(20), None, None]
    assert [one.included for one in found] == [D(1), D(0), D(0)]
    assert found[0].evidence == {
        "used": "20", "samples": 3, "first_at": "2026-11-01T00:00:00+00:00",
        "last_at": "2026-12-01T00:00:00+00:00", "months": "0.500000000", "scale": "0.5",
    }  # fmt: skip
    assert read_whole(found[0].terms) == terms
    assert [(one.terms, one.evidence) for one in found[1:]] == [({}, {})] * 2
    assert {one.window for one in found} == {NOVEMBER}
    assert {(one.line, one.kind, one.meter) for one in found} == {(7, "metered", "cpu_hours")}


def test_the_unit_says_what_a_line_counts() -> None:
    package = metered(Terms(D(1), model=Model.PACKAGE))
    units = [unit_of(part, package) for part in ("", "minimum", "maximum", "tier 2 flat", "flat")]
    assert units == ["package", "", "", "month", "month"]
    assert unit_of("", metered(Terms(D(1), model=Model.FLAT))) == "month"
    assert unit_of("tier 2", metered(Terms(D(1), model=Model.GRADUATED))) == "h"


def test_set_up_base_price_and_usage_of_three_pieces_for_half_a_month() -> None:
    service = a_service(
        Tariff("recurring", "", "month", Terms(D(30))),
        Tariff("setup", "", "", Terms(D(10))),
        metered(Terms(D("0.05"), D(10))),
        used=D(45), quantity="3", days=15,
    )  # fmt: skip
    found = charges(service, NOVEMBER, "EUR")
    assert [(one.kind, one.quantity, one.minor, one.included) for one in found] == [
        ("recurring", D("1.5"), 4500, D(0)),
        ("setup", D(3), 3000, D(0)),
        ("metered", D(30), 150, D(15)),
    ]
    assert found[0].evidence == {
        "existed_seconds": "1296000.000000", "month_seconds": "2592000.000000",
        "converged": [["2026-11-16T00:00:00+00:00", "2026-12-01T00:00:00+00:00"]],
    }  # fmt: skip
    assert found[1].window == service.converged[0]
    assert found[1].evidence == {"converged_at": "2026-11-16T00:00:00+00:00"}
    assert found[0].description == "My site: base price, November 2026"
    assert found[1].description == "My site: set-up"


def test_what_was_set_up_before_or_never_existed_has_no_set_up() -> None:
    tariff = Tariff("setup", "", "", Terms(D(10)))
    assert charges(replace(a_service(tariff), setup_due=False), NOVEMBER, "EUR") == []
    assert charges(replace(a_service(tariff), converged=()), NOVEMBER, "EUR") == []


def test_no_sample_of_a_service_that_existed_is_not_zero() -> None:
    service = a_service(metered(Terms(D(1))))
    with pytest.raises(NotMeasured, match="My site: no sample of cpu_hours in 2026-11-01 00:00 to"):
        charges(service, NOVEMBER, "EUR")
    assert charges(replace(service, converged=()), NOVEMBER, "EUR") == []


def test_a_window_over_two_months_has_a_share_of_each() -> None:
    window = Period(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC))
    assert shares_of([window], window) == [
        (Period(window.start, NOVEMBER.end), D("0.5")),
        (Period(NOVEMBER.end, window.end), D(1) / D(31)),
    ]
    service = replace(
        a_service(Tariff("recurring", "", "month", Terms(D(30)))), converged=(window,)
    )
    found = charges(service, window, "EUR")
    assert [(one.quantity, one.minor) for one in found] == [
        (D("0.5"), 1500),
        (D("0.032258065"), 97),
    ]


def test_a_late_sample_that_reaches_another_tier_takes_back_the_old_price() -> None:
    tariff = metered(Terms(D(0), model=Model.VOLUME, tiers=TIERS))
    before = charges(a_service(tariff, used=D(9)), NOVEMBER, "EUR")
    after = late(billed(before, tariff), measured(D(12), samples=4), "EUR")

    assert [(one.part, one.quantity, one.unit_price, one.minor) for one in after] == [
        ("", D(12), D("0.5"), 600),
        ("", D(-9), D("1"), -900),
        ("flat", D(-1), D("5"), -500),
    ]
    assert [one.used for one in after] == [D(3), None, None]
    assert {one.corrects for one in after} == {70}
    assert after[0].description == "My site: late CPU hours, corrects F-1"
    assert after[2].description == "My site: late CPU hours, corrects F-1, flat"
    assert (after[0].unit, after[2].unit) == ("h", "month")
    assert after[0].evidence["billed_before"] == "10.000000000"
    assert after[0].evidence["samples"] == 4


def test_a_late_sample_within_the_included_is_told_once_and_costs_nothing() -> None:
    tariff = metered(Terms(D(1), D(10)))
    before = charges(a_service(tariff, used=D(1)), NOVEMBER, "EUR")
    first = late(billed(before, tariff), measured(D(2)), "EUR")
    assert [(one.quantity, one.minor, one.used) for one in first] == [(D(0), 0, D(1))]
    assert late(billed([*before, *first], tariff), measured(D(2)), "EUR") == []
    assert late(billed(before, tariff), None, "EUR") == []


@given(
    all_terms(), st.lists(numbers, min_size=1, max_size=4), st.integers(1, 30),
    st.sampled_from(["EUR", "JPY"]),
)  # fmt: skip
def test_whatever_comes_late_all_invoices_together_are_what_one_would_have_been(
    terms: Terms, arrivals: list[Decimal], days: int, currency: str
) -> None:
    tariff, used = metered(terms), arrivals[0]
    found = charges(a_service(tariff, used=used, days=days), NOVEMBER, currency)
    for more in arrivals[1:]:
        used += more
        known = billed(found, tariff)
        found += late(known, measured(used), currency)
    at_once = charges(a_service(tariff, used=used, days=days), NOVEMBER, currency)
    assert sum(one.minor for one in found) == sum(one.minor for one in at_once)
    assert billed(found, tariff).used == used


@given(all_terms(), numbers, st.integers(1, 30))
def test_each_line_is_its_quantity_times_its_price_rounded_once(
    terms: Terms, used: Decimal, days: int
) -> None:
    for one in charges(a_service(metered(terms), used=used, days=days), NOVEMBER, "EUR"):
        assert abs(D(one.minor) - one.quantity * one.unit_price * 100) <= D("0.5")
