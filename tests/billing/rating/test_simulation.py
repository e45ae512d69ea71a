"""Simulations: the engine that bills, at other prices; at the agreed ones it is the invoice."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.invoicing.models import Invoice
from billing.rating import simulation
from billing.rating.models import RatingRun
from erp.catalogue.models import Plan, Price, PriceList
from erp.contracts.models import ContractLine
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
AGREED = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))
TIERS = {"model": "graduated", "tiers": [["20", "0.1", "1"], [None, "0.01"]], "minimum": "3"}


def a_list(
    seller: Organisation, plan: Plan, prices: Sequence[tuple[str, str, str, str]] = AGREED,
    terms: dict[str, Any] | None = None,
) -> PriceList:  # fmt: skip
    made = PriceList.objects.filter(organisation=seller).first() or PriceList.objects.create(
        organisation=seller, name="Next year", currency="EUR", starts_at=at("2026-01-01")
    )
    for kind, meter, unit_price, included in prices:
        Price.objects.create(
            organisation=seller, price_list=made, plan=plan, kind=kind, meter=meter,
            unit_price=D(unit_price), included_quantity=D(included),
            terms=(terms or {}) if meter else {},
        )  # fmt: skip
    return made


def a_used_line(usage: FakeUsage, used: str = "45", **facts: Any) -> ContractLine:
    """Half of November and so many hours."""
    line = a_contract(**({"prices": AGREED} | facts))
    usage.exists(line, at("2026-11-16"), at("2026-12-01"))
    usage.sample(line, used, ends_at=at("2026-11-20"))
    return line


def simulated(listed: PriceList) -> list[simulation.Simulated]:
    lines = list(simulation.lines_of(listed, NOVEMBER).prefetch_related("prices"))
    return simulation.at_list(listed, lines, NOVEMBER, OPENED)


@pytest.mark.parametrize("terms", [{}, TIERS, {"aggregation": "max", "maximum": "1"}])
def test_at_the_agreed_prices_it_is_the_invoice_to_the_cent(
    usage: FakeUsage, terms: dict[str, Any]
) -> None:
    prices = (AGREED[0], ("metered", "cpu_hours", "0" if "tiers" in terms else "0.057", "3"))
    line = a_used_line(usage, "77.123456789", prices=prices, terms=terms)
    usage.sample(line, "31.5", ends_at=at("2026-11-21"))
    listed = a_list(line.contract.seller, line.plan, prices, terms)
    a_run()

    (one,) = simulated(listed)

    net = Invoice.objects.get().net_minor
    assert (one.agreed_minor, one.other_minor, one.difference_minor) == (net, net, 0)


def test_another_list_costs_what_its_terms_say_and_nothing_is_stored(usage: FakeUsage) -> None:
    line = a_used_line(usage)
    listed = a_list(
        line.contract.seller, line.plan,
        (
            ("recurring", "", "40", "0"),
            ("setup", "", "99", "0"),
            ("metered", "cpu_hours", "0", "0"),
        ),
        TIERS,
    )  # fmt: skip

    (one,) = simulated(listed)

    # 15.00 + 2.00 beyond 5 hours; and 20.00 + 10 hours at 0.1 + half of 1 + 35 hours at 0.01.
    assert (one.agreed_minor, one.other_minor, one.difference_minor) == (1700, 2185, 485)
    assert not RatingRun.objects.exists()


def test_what_cannot_be_compared_says_why(usage: FakeUsage) -> None:
    silent = a_contract(prices=AGREED)
    usage.exists(silent, at("2026-11-16"), at("2026-12-01"))
    unpriced = a_used_line(usage)
    listed = a_list(silent.contract.seller, silent.plan)

    first, second = simulated(listed)

    assert first.reason.startswith("My site: no sample of cpu_hours")
    assert (first.agreed_minor, first.other_minor, first.difference_minor) == (None, None, None)
    assert second.reason == f"The list has no price for {unpriced.plan}."
    assert (second.agreed_minor, second.difference_minor) == (1700, None)


def test_only_what_the_seller_sold_in_the_currency_and_in_force_is_simulated(
    usage: FakeUsage,
) -> None:
    line = a_used_line(usage)
    a_used_line(usage, currency="CHF")
    a_used_line(usage, starts_at=at("2026-12-01"))
    a_used_line(usage, starts_at=at("2026-10-01"), ends_at=at("2026-11-01"))
    a_used_line(usage, buyer=a_customer("Other", a_reseller()))

    assert [one.line for one in simulated(a_list(line.contract.seller, line.plan))] == [line]


def test_a_service_is_compared_on_each_plan_of_its_offer(usage: FakeUsage) -> None:
    line = a_used_line(usage)
    big = Plan.objects.create(
        organisation=a_provider(), offer=line.plan.offer, code="big", name="Big", position=2
    )
    a_list(line.contract.seller, line.plan)
    a_list(line.contract.seller, big, (("recurring", "", "50", "0"), AGREED[1]))

    found = simulation.at_plans(line, NOVEMBER, OPENED)

    assert [(one.plan.code, one.other_minor) for one in found] == [("small", 1700), ("big", 2700)]


def test_a_page_of_services_costs_as_many_statements_as_one(
    usage: FakeUsage, django_assert_num_queries: Any
) -> None:
    line = a_used_line(usage)
    listed = a_list(line.contract.seller, line.plan)
    for _ in range(5):
        ContractLine.objects.filter(pk=a_used_line(usage).pk).update(plan=line.plan)

    with django_assert_num_queries(5):
        assert len(simulated(listed)) == 6


@time_machine.travel(OPENED, tick=False)
def test_the_pages_show_amounts_and_only_to_whom_they_belong(usage: FakeUsage) -> None:
    line = a_used_line(usage)
    listed = a_list(line.contract.seller, line.plan, (("recurring", "", "40", "0"), AGREED[1]))
    accountant = signed_in(a_provider(), "accountant")
    owner = signed_in(line.organisation, "owner")
    stranger = signed_in(a_customer("Other"), "owner")
    of_list = f"/simulations/price-lists/{listed.reference}"
    of_service = f"/simulations/services/{line.contract.reference}"

    page = _page(accountant, of_list)
    assert "€17.00" in page
    assert "€22.00" in page
    assert "€5.00" in page
    assert "No services" in _page(accountant, f"{of_list}?month=2026-01")
    assert "€22.00" in _page(owner, f"{of_service}?month=2026-11")
    assert "€22.00" in _page(owner, f"{of_service}?month=nonsense")
    assert owner.get(of_list).status_code == 403
    assert stranger.get(of_service).status_code == 404


def _page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()
