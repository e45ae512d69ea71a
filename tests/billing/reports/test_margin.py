"""Margin: what was invoiced less what machines cost, by whom, what and where; idle is a cost."""

import csv
from collections.abc import Sequence
from datetime import date
from io import StringIO

import pytest

from billing.reports import margin
from billing.reports.files import csv_lines
from billing.reports.table import Asked
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from erp.ports import MachineCost
from tests.billing.builders import FakeUsage, a_customer, a_provider, a_reseller, at
from tests.billing.reports.books import some_books
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


class FakeCosts:
    """Two machines: one that both customers use, one that Ben uses; both with something idle."""

    asked: Period | None = None

    def costs(self, *, provider: int, period: Period, currency: str) -> Sequence[MachineCost]:
        FakeCosts.asked = period
        assert (provider, currency) == (a_provider().pk, "EUR")
        anna, ben = ContractLine.objects.order_by("pk").values_list("pk", flat=True)
        return [
            MachineCost("N-1", "node-1", 5000, {anna: 2000, ben: 1000}),
            MachineCost("N-2", "node-2", 3000, {ben: 1000}),
        ]


@pytest.fixture
def books(usage: FakeUsage, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    monkeypatch.setattr(margin, "cost_source", FakeCosts)
    return some_books(usage)


def rows(books: Organisation, by: str) -> list[tuple[object, ...]]:
    table = margin.margin(books, Asked(*YEAR, "EUR", by=by))
    found = [row.cells for row in table.rows]
    assert table.total is not None
    return [(str(name).partition(" (")[0], *rest) for name, *rest in [*found, table.total]]


TOTAL = ("Total", 12000, 4000, 4000, 4000, "33.3 %")
IDLE = ("Idle capacity", 0, 0, 4000, -4000, "–")


def test_each_customer_earns_less_what_it_uses_and_nobody_pays_what_is_idle(
    books: Organisation,
) -> None:
    assert rows(books, "customer") == [
        ("Anna", 7000, 2000, 0, 5000, "71.4 %"),
        ("Ben", 5000, 2000, 0, 3000, "60.0 %"),
        IDLE,
        TOTAL,
    ]
    assert FakeCosts.asked == Period(at("2026-01-01"), at("2027-01-01"))


def test_by_product_and_by_who_sells_it_is_the_same_sum(books: Organisation) -> None:
    assert rows(books, "product") == [("site", 12000, 4000, 0, 8000, "66.7 %"), IDLE, TOTAL]
    assert rows(books, "reseller") == [
        ("Direct sale", 12000, 4000, 0, 8000, "66.7 %"), IDLE, TOTAL,
    ]  # fmt: skip


def test_a_machine_earns_its_part_of_a_service_that_runs_on_several(books: Organisation) -> None:
    assert rows(books, "node") == [
        ("node-1", 9500, 3000, 2000, 4500, "47.4 %"),
        ("node-2", 2500, 1000, 2000, -500, "-20.0 %"),
        TOTAL,
    ]


def test_without_machines_everything_is_earned_elsewhere(
    books: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nothing(FakeCosts):
        def costs(self, *, provider: int, period: Period, currency: str) -> list[MachineCost]:
            return []

    monkeypatch.setattr(margin, "cost_source", Nothing)
    whole = (12000, 0, 0, 12000, "100.0 %")
    assert rows(books, "node") == [("Without a machine", *whole), ("Total", *whole)]


def test_the_page_and_its_files_say_the_same_to_who_reads_the_books(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    place = "/reports/margin?from=2026-01-01&to=2026-12-31&by=node"

    page = accountant.get(place).content.decode()
    for words in ("Margin by node", "node-1", "/nodes/N-1/costs", "47.4 %", "€95.00"):
        assert words in page
    assert f'href="/reports/margin?books={books.reference}"' in (
        accountant.get("/reports/revenue").content.decode()
    )
    table = margin.margin(books, Asked(*YEAR, "EUR", by="node", limit=None))
    written = list(csv.reader(StringIO("".join(csv_lines(table)))))
    assert written[0] == [
        "Node", "Revenue", "Cost", "Idle", "Margin", "Of revenue", "Currency",
    ]  # fmt: skip
    assert written[1][1:] == ["95.00", "30.00", "20.00", "45.00", "47.4 %", "EUR"]
    for name in ("csv", "xlsx"):
        assert accountant.get(f"{place}&format={name}").status_code == 200
    assert signed_in(a_customer("Other"), "owner").get(place).status_code == 403


def test_a_resellers_books_know_nothing_of_machines(books: Organisation) -> None:
    reseller = a_reseller()
    assert rows(reseller, "customer") == [("Total", 0, 0, 0, 0, "–")]
