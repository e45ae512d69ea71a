"""What a month costs is watched: each percentage is told once, by mail and to programs."""

import pytest
import time_machine

from billing.invoicing import services as invoicing
from billing.invoicing import spending
from billing.invoicing.models import Invoice
from billing.invoicing.tasks import sweep_budgets, watch_budget
from erp.base.periods import Period
from erp.contracts.budgets import Wanted, set_budget
from erp.contracts.models import Budget, ContractLine
from erp.outbox.models import Mail
from tests.billing.builders import (
    NOVEMBER,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
    at,
)
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
PRICES = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "1", "0"))
MIDDLE = at("2026-11-16T00:00")


def a_used_line(usage: FakeUsage, used: str = "5") -> ContractLine:
    line = a_contract(prices=PRICES)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, used, ends_at=at("2026-11-10"))
    return line


def a_budget(line: ContractLine, minor: int, *, of_service: bool = False) -> Budget:
    contract = line.contract if of_service else None
    made = set_budget(
        line.organisation, Wanted(minor, (50, 100)), contract=contract, at=MIDDLE, by="alice"
    )
    assert made
    return made


@pytest.mark.parametrize("of_service", [False, True])
def test_each_percentage_is_told_once_a_month(usage: FakeUsage, of_service: bool) -> None:
    line = a_used_line(usage)
    # Half of 30.00 and 5.00 of use.
    budget = a_budget(line, 4000, of_service=of_service)

    assert spending.watch(budget, at=MIDDLE) == [50]
    assert spending.watch(budget, at=at("2026-11-17")) == [50]
    usage.sample(line, "20", ends_at=at("2026-11-17"))
    assert spending.watch(budget, at=at("2026-11-18")) == [50, 100]

    subjects = list(Mail.objects.order_by("pk").values_list("subject", flat=True))
    assert subjects == ["50 % of a budget is reached", "100 % of a budget is reached"]
    first = Mail.objects.order_by("pk")[0]
    assert "20.00 EUR of 40.00 EUR" in first.text
    # Another month begins from nothing.
    assert spending.watch(budget, at=at("2026-12-01T00:01")) == []


def test_what_is_invoiced_of_the_month_counts_on(usage: FakeUsage) -> None:
    line = a_used_line(usage)
    budget = a_budget(line, 4000)
    a_run(Period(NOVEMBER.start, MIDDLE), opened_at=MIDDLE)
    invoicing.issue(Invoice.objects.get(), at=MIDDLE, by="anna")
    usage.sample(line, "0", ends_at=at("2026-11-17"))

    found = spending.spent([line.contract], at=at("2026-11-22T00:00"))

    # 20.00 are invoiced, and six days of 30.00 came since.
    assert (found.minor, found.left_out) == (2000 + 600, 0)
    assert spending.watch(budget, at=at("2026-11-22")) == [50]


def test_what_cannot_be_priced_is_left_out_and_said(usage: FakeUsage) -> None:
    silent = a_contract(prices=PRICES)
    usage.exists(silent, NOVEMBER.start, NOVEMBER.end)
    a_budget(silent, 4000)

    with time_machine.travel(MIDDLE, tick=False):
        page = signed_in(silent.organisation, "owner").get(
            f"/invoices/spent/{silent.organisation.reference}"
        )

    assert "1 service cannot be priced yet" in page.content.decode()


def test_the_sweep_looks_at_the_stalest_and_twice_is_once(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = a_budget(a_used_line(usage), 2000)
    sent: list[int] = []
    monkeypatch.setattr(watch_budget, "delay", lambda *, budget: sent.append(budget))

    with time_machine.travel(MIDDLE, tick=False):
        sweep_budgets()
        watch_budget(budget=budget.pk)
        watch_budget(budget=budget.pk)
        sweep_budgets()

    assert sent == [budget.pk]
    assert Mail.objects.count() == 2


@time_machine.travel(MIDDLE, tick=False)
def test_the_page_shows_the_part_that_is_spent_to_whom_it_belongs(usage: FakeUsage) -> None:
    line = a_used_line(usage)
    a_budget(line, 4000)
    buyer = line.organisation
    place = f"/invoices/spent/{buyer.reference}"

    page = signed_in(buyer, "owner").get(place).content.decode()
    assert "€20.00" in page
    assert "50 % of" in page
    assert signed_in(a_customer("Other"), "owner").get(place).status_code == 404
    assert signed_in(a_provider(), "accountant").get(place).status_code == 200
    of_service = signed_in(buyer, "billing").get(f"/invoices/spent/{line.contract.reference}")
    assert "€20.00" in of_service.content.decode()
