"""Entries: balanced, numbered, chained, never changed; reversed instead."""

from datetime import date

import pytest
from django.db import IntegrityError, connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing.ledger import services, setup
from billing.ledger.chart import Chart, Part, UnknownAccount
from billing.ledger.charts import CHARTS, PCG, SIMPLE, SKR03
from billing.ledger.models import Account, Books, Entry, Journal, Posting
from billing.ledger.services import Fact, post, reverse
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, a_customer, a_provider, a_reseller, at

pytestmark = pytest.mark.django_db
DAY = date(2026, 12, 1)


def a_fact(key: str = "K", journal: Journal = Journal.MISC, **amounts: int) -> Fact:
    legs = {code.removeprefix("a").replace("_", "."): minor for code, minor in amounts.items()}
    return Fact(key, journal, "EUR", f"Fact {key}", legs or {"512": 100, "7061": -100})


def test_each_journal_counts_its_entries_per_year_without_a_gap() -> None:
    books = a_provider()
    days = [date(2026, 12, 1), date(2027, 1, 5), date(2026, 12, 31)]
    for number, day in enumerate(days):
        post(books, a_fact(f"K{number}"), at=OPENED, on=day)
    post(books, a_fact("S", Journal.SALES), at=OPENED, on=days[0])

    numbers = [one.full_number for one in Entry.objects.order_by("position")]

    assert numbers == ["OD-2026-000001", "OD-2027-000001", "OD-2026-000002", "VT-2026-000001"]
    assert list(Entry.objects.order_by("position").values_list("position", flat=True)) == [
        1, 2, 3, 4,
    ]  # fmt: skip


def test_a_financial_year_may_start_in_any_month() -> None:
    books = a_provider()
    setup.choose_chart(books, key="pcg", year_starts_month=7, at=OPENED, by="anna")

    june = post(books, a_fact("A"), at=OPENED, on=date(2026, 6, 30))
    july = post(books, a_fact("B"), at=OPENED, on=date(2026, 7, 1))

    assert (june.fiscal_year, july.fiscal_year) == (2025, 2026)


def test_a_day_is_that_of_where_the_books_are_kept() -> None:
    books = a_provider(time_zone="Europe/Paris")

    entry = post(books, a_fact(), at=at("2026-12-31T23:30"))

    assert (entry.posted_on, entry.fiscal_year) == (date(2027, 1, 1), 2027)


def test_an_entry_is_reversed_by_its_negative_once() -> None:
    entry = post(a_provider(), a_fact(), at=OPENED)

    first = reverse(entry, at=OPENED, on=DAY, why="typo")
    again = reverse(entry, at=OPENED, on=DAY, why="typo")

    assert first == again
    assert (first.reverses, first.amounts) == (entry, {"512": -100, "7061": 100})
    assert first.description == "Reversal of OD-2026-000001: typo"
    with pytest.raises(services.ReversedAlready, match="reverses another"):
        reverse(first, at=OPENED, on=DAY, why="again")


def test_the_database_refuses_a_reversal_that_is_no_negative() -> None:
    entry = post(a_provider(), a_fact(), at=OPENED)
    with pytest.raises(IntegrityError, match="is not the negative"), transaction.atomic():
        other = Fact("X", Journal.MISC, "EUR", "x", {"512": 90, "7061": -90})
        services._write(entry.organisation, [other], at=OPENED, on=DAY, reverses=entry)
        _check_now()


def test_the_database_refuses_to_change_a_posting_or_its_day() -> None:
    entry = post(a_provider(), a_fact(), at=OPENED)
    for change in ({"minor": 5}, {"posted_on": date(2026, 1, 1)}, {"item": "F-1"}):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            entry.postings.update(**change)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Posting.objects.all().delete()


def test_the_database_refuses_a_posting_of_another_day_than_its_entry() -> None:
    entry = post(a_provider(), a_fact(), at=OPENED)
    account = services.accounts_of(entry.organisation, ["530"])["530"]
    with pytest.raises(IntegrityError, match="does not balance"), transaction.atomic():
        Posting.objects.create(
            organisation=entry.organisation, entry=entry, account=account, minor=1,
            currency="EUR", posted_on=date(2020, 1, 1),
        )  # fmt: skip
        _check_now()


def _check_now() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_end_of_the_chain_cannot_be_moved() -> None:
    entry = post(a_provider(), a_fact(), at=OPENED)
    with pytest.raises(IntegrityError, match="newest entry"), transaction.atomic():
        Books.objects.filter(organisation=entry.organisation).update(last_position=0, last_hash="")


def test_a_customers_account_is_opened_with_a_number_for_programs() -> None:
    books, customer, other = a_provider(), a_customer("A"), a_customer("B")
    for number, one in enumerate((customer, other)):
        legs = {f"411.{one.reference}": 100, "7061": -100}
        post(books, Fact(f"K{number}", Journal.SALES, "EUR", "x", legs), at=OPENED)

    accounts = Account.objects.filter(part=Part.RECEIVABLE).order_by("debtor_number")

    found = [(one.party, one.name, one.debtor_number, one.general_code) for one in accounts]
    assert found == [(customer, "A", 10000, "411"), (other, "B", 10001, "411")]


@pytest.mark.parametrize("code", ["999999", "411.O-00000000", "411"])
def test_an_account_outside_the_chart_is_refused_in_words(code: str) -> None:
    with pytest.raises(UnknownAccount, match=code):
        post(a_provider(), Fact("K", Journal.MISC, "EUR", "x", {code: 1, "512": -1}), at=OPENED)
    assert not Entry.objects.exists()


def test_a_customer_of_somebody_else_has_no_account_here() -> None:
    books = a_reseller("R")
    stranger = a_customer("Stranger")
    legs = {f"411.{stranger.reference}": 1, "512": -1}
    with pytest.raises(UnknownAccount, match="a customer of R"):
        post(books, Fact("K", Journal.MISC, "EUR", "x", legs), at=OPENED)


@pytest.mark.parametrize("chart", CHARTS.values(), ids=lambda one: one.key)
def test_every_chart_has_an_account_for_every_part(chart: Chart) -> None:
    assert chart in (PCG, SKR03, SIMPLE)
    for part in Part:
        assert chart.headings[chart.code_for(part)].part == part


def test_sales_go_to_the_account_of_their_tax_or_kind() -> None:
    assert PCG.revenue("metered", category="S", rate="20.00") == "7062"
    assert PCG.tax("FR", "20.00") == "44571.FR.20.00"
    assert PCG.heading("44571.FR.20.00").name == "VAT collected, FR 20.00 %"
    assert SKR03.revenue("metered", category="S", rate="19.00") == "8400"
    assert SKR03.revenue("metered", category="AE", rate="0.00") == "8336"
    assert SKR03.revenue("metered", category="O", rate="0.00") == "8200"
    assert (SKR03.tax("DE", "19.00"), SKR03.headings["8400"].computes_tax) == ("1776", "19")


@pytest.mark.parametrize(("country", "chart"), [("FR", "pcg"), ("DE", "skr03"), ("NO", "simple")])
def test_books_start_with_the_chart_of_their_country(country: str, chart: str) -> None:
    books = a_provider(country=country)
    bank = CHARTS[chart].bank
    post(
        books, Fact("K", Journal.MISC, "EUR", "x", {bank: 5, CHARTS[chart].opening: -5}), at=OPENED
    )
    assert Books.objects.get().chart == chart


def test_a_chart_that_is_used_stays_with_the_reason() -> None:
    books = a_provider()
    setup.choose_chart(books, key="simple", year_starts_month=1, at=OPENED, by="anna")
    setup.choose_chart(books, key="pcg", year_starts_month=1, at=OPENED, by="anna")
    post(books, a_fact(), at=OPENED)
    with pytest.raises(setup.ChartInUse, match="1 entries are booked"):
        setup.choose_chart(books, key="simple", year_starts_month=1, at=OPENED, by="anna")
    with pytest.raises(IntegrityError, match="stays once it is used"), transaction.atomic():
        Books.objects.update(chart="simple")


def test_a_part_moves_to_another_account_from_a_day_on() -> None:
    books = a_provider()
    to = (Part.BANK.value, "5121", "Second bank")
    for _ in range(2):
        setup.map_part(books, to, from_on=date(2027, 1, 1), at=OPENED, by="anna")

    assert services.chart_of(books, on=date(2026, 12, 31)).bank == "512"
    assert services.chart_of(books, on=date(2027, 1, 1)).bank == "5121"
    post(books, a_fact(a5121=5, a512=-5), at=OPENED)
    assert Account.objects.get(code="5121").part == Part.BANK
    with pytest.raises(setup.PartUnknown, match="Deferred revenue"):
        taken = (Part.BANK.value, "487", "x")
        setup.map_part(books, taken, from_on=date(2027, 2, 1), at=OPENED, by="anna")


@given(amounts=st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=5))
def test_no_entry_that_does_not_sum_to_zero_is_written(amounts: list[int]) -> None:
    codes = ["512", "530", "580", "606", "613"]
    legs = dict(zip(codes, amounts, strict=False))
    fact = Fact("K", Journal.MISC, "EUR", "x", legs)
    if sum(amounts):
        with pytest.raises(services.Unbalanced):
            post(_unsaved(), fact, at=OPENED)


def _unsaved() -> Organisation:
    return Organisation(country="FR", name="Nobody")
