"""Reports: exact numbers, pages that end, files that say the same."""

import csv
from datetime import date
from io import BytesIO, StringIO
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest

from billing.ledger.lettering import letter_item
from billing.ledger.models import Journal
from billing.ledger.services import Fact, post
from billing.reports import accounts, receivables, sales
from billing.reports.files import csv_lines, workbook
from billing.reports.table import Asked, Table
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider
from tests.billing.reports.books import some_books

pytestmark = pytest.mark.django_db
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    return some_books(usage)


def asked(start: date = YEAR[0], end: date = YEAR[1], **more: Any) -> Asked:
    return Asked(start, end, "EUR", **more)


def cells(table: Table) -> list[tuple[Any, ...]]:
    return [row.cells for row in table.rows]


def test_the_trial_balance_is_zero_and_names_what_moved(books: Organisation) -> None:
    table = accounts.trial_balance(books, asked(date(2026, 12, 1)))
    assert cells(table) == [
        ("411", "Customers", 4800, 9600, 7200, 7200),
        ("44571.FR.20.00", "VAT collected, FR 20.00 %", -800, None, 1600, -2400),
        ("512", "Bank", None, 7200, 150, 7050),
        ("627", "Bank charges", None, 150, None, 150),
        ("7061", "Subscriptions", -3000, None, 6000, -9000),
        ("7062", "Usage", None, None, 1000, -1000),
        ("7063", "Set-up fees", -1000, None, 1000, -2000),
    ]
    assert table.total == ("Total", "", 0, 16950, 16950, 0)


def test_a_new_year_starts_without_the_sales_of_the_last(books: Organisation) -> None:
    table = accounts.trial_balance(books, asked(date(2027, 1, 1), date(2027, 1, 31)))
    assert cells(table)[-1] == ("–", "Results of earlier years", -11850, None, None, -11850)
    assert [row[0] for row in cells(table)] == ["411", "44571.FR.20.00", "512", "–"]
    assert table.total is not None
    assert table.total[-1] == 0


def test_an_account_runs_over_pages_without_a_jump(books: Organisation) -> None:
    whole = cells(accounts.account(books, asked(account="512", limit=None)))
    assert [row[-1] for row in whole] == [0, 1200, 7200, 7050]
    pages, after = [], ""
    for _ in range(9):
        table = accounts.account(books, asked(account="512", limit=1, after=after))
        pages += cells(table)[1:]
        after = table.next_after
        if not after:
            break
    assert pages == whole[1:]


def test_what_is_owed_is_aged_by_its_due_date(books: Organisation) -> None:
    def owed(on: date) -> list[tuple[Any, ...]]:
        return [row[:1] + row[2:] for row in cells(receivables.aged(books, asked(end=on)))]

    assert owed(date(2026, 11, 2)) == [("Anna", 4800, None, None, None, None, 4800)]
    assert owed(date(2026, 12, 2)) == [("Anna", 7200, None, None, None, None, 7200)]
    assert owed(date(2026, 12, 31)) == [("Anna", 3600, 3600, None, None, None, 7200)]
    assert owed(date(2027, 4, 1)) == [("Anna", None, None, None, None, 7200, 7200)]
    assert owed(date(2026, 11, 1)) == []


def test_a_past_day_shows_what_was_open_then(usage: FakeUsage) -> None:
    books, ben = a_provider(), a_customer("Ben")
    account = f"411.{ben.reference}"
    facts = [("a", 500, date(2026, 10, 1)), ("b", -500, date(2026, 12, 1))]
    for key, minor, day in facts:
        fact = Fact(key, Journal.MISC, "EUR", key, {account: minor, "758": -minor}, item="F-1")
        post(books, fact, at=OPENED, on=day)

    letter_item(books, account, "F-1", at=OPENED, by="anna")
    assert cells(receivables.aged(books, asked(end=date(2026, 12, 1)))) == []
    (row,) = cells(receivables.aged(books, asked(end=date(2026, 11, 30))))
    assert row[-1] == 500


def test_the_list_of_debtors_has_pages_and_one_total(usage: FakeUsage) -> None:
    books = a_provider()
    for number in range(5):
        code = f"411.{a_customer(f'C{number}').reference}"
        legs = {code: 100 + number, "758": -100 - number}
        post(books, Fact(f"K{number}", Journal.MISC, "EUR", "x", legs), at=OPENED)
    first = receivables.aged(books, asked(limit=2))
    second = receivables.aged(books, asked(limit=2, after=first.next_after))
    third = receivables.aged(books, asked(limit=2, after=second.next_after))
    names = [row[0] for table in (first, second, third) for row in cells(table)]
    assert (names, third.next_after) == (["C0", "C1", "C2", "C3", "C4"], "")
    assert {table.total[-1] for table in (first, second, third) if table.total} == {510}


def test_debtors_whose_items_add_up_to_nothing_end_no_page_early(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivables, "_SPARE", 0)
    books = a_provider()
    for number, amounts in enumerate([(7,), (5, -5), (5, -5), (5, -5), (5, -5), (8,), (9,)]):
        code = f"411.{a_customer(f'C{number}').reference}"
        for part, minor in enumerate(amounts):
            legs = {code: minor, "758": -minor}
            post(books, Fact(f"K{number}.{part}", Journal.MISC, "EUR", "x", legs), at=OPENED)
    first = receivables.aged(books, asked(limit=2))
    second = receivables.aged(books, asked(limit=2, after=first.next_after))
    assert [[row[0] for row in cells(table)] for table in (first, second)] == [["C0", "C5"], ["C6"]]
    assert second.next_after == ""
    assert [row[0] for row in cells(receivables.aged(books, asked(limit=None)))] == [
        "C0", "C5", "C6",
    ]  # fmt: skip


def test_who_had_paid_later_stands_on_the_page_of_a_past_day(usage: FakeUsage) -> None:
    books = a_provider()
    for number in range(4):
        code = f"411.{a_customer(f'C{number}').reference}"
        facts = [("a", 500, date(2026, 10, 1))]
        if number % 2:
            facts.append(("b", -500, date(2026, 12, 1)))
        for key, minor, day in facts:
            legs = {code: minor, "758": -minor}
            fact = Fact(f"{key}{number}", Journal.MISC, "EUR", key, legs, item=f"F-{number}")
            post(books, fact, at=OPENED, on=day)
        if number % 2:
            letter_item(books, code, f"F-{number}", at=OPENED, by="anna")
    then, today = date(2026, 11, 30), date(2026, 12, 1)
    first = receivables.aged(books, asked(end=then, limit=3))
    second = receivables.aged(books, asked(end=then, limit=3, after=first.next_after))
    names = [[row[0] for row in cells(table)] for table in (first, second)]
    assert names == [["C0", "C1", "C2"], ["C3"]]
    assert first.total is not None
    assert first.total[-1] == 2000
    assert [row[0] for row in cells(receivables.aged(books, asked(end=today)))] == ["C0", "C2"]


def test_revenue_is_told_by_month_product_and_kind(books: Organisation) -> None:
    table = sales.revenue(books, asked())
    assert cells(table) == [
        (date(2026, 11, 1), "site", "recurring", 1, 3000),
        (date(2026, 11, 1), "site", "setup", 1, 1000),
        (date(2026, 12, 1), "site", "metered", 1, 1000),
        (date(2026, 12, 1), "site", "recurring", 2, 6000),
        (date(2026, 12, 1), "site", "setup", 1, 1000),
    ]
    assert table.total == ("Total", "", "", None, 12000)


def test_tax_as_invoiced_agrees_with_the_books(books: Organisation) -> None:
    table = sales.tax(books, asked())
    assert cells(table) == [("Standard", "20 %", 3, 12000, 2400)]
    assert "exactly this" in table.note


def test_tax_as_paid_follows_the_payments_to_the_cent(books: Organisation) -> None:
    table = sales.tax(books, asked(basis="paid"))
    assert cells(table) == [("Standard", "20 %", 2, 6000, 1200)]


def test_csv_and_workbook_say_what_the_page_says(books: Organisation) -> None:
    table = accounts.trial_balance(books, asked())
    read = list(csv.reader(StringIO("".join(csv_lines(table)))))
    assert read[0] == ["Account", "Name", "Opening", "Debit", "Credit", "Closing", "Currency"]
    assert ["512", "Bank", "", "72.00", "1.50", "70.50", "EUR"] in read
    with ZipFile(BytesIO(workbook(table))) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    numbers = [cell.text for cell in sheet.iter() if cell.tag.endswith("}v")]
    assert {"72.00", "1.50", "70.50"} <= set(numbers)


def test_a_text_in_a_workbook_is_never_a_formula(books: Organisation) -> None:
    legs = {"512": 1, "758": -1}
    post(books, Fact("X", Journal.MISC, "EUR", '=HYPERLINK("x")', legs), at=OPENED)
    table = accounts.journal(books, asked(limit=None))
    with ZipFile(BytesIO(workbook(table))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    again = accounts.journal(books, asked(limit=None))
    assert "'=HYPERLINK" in "".join(csv_lines(again))


def test_aging_takes_two_statements_however_many_owe(
    usage: FakeUsage, django_assert_num_queries: Any
) -> None:
    """How long they take over 100,000 open items is in `docs/benchmarks.md`."""
    books = a_provider()
    for number in range(3):
        code = f"411.{a_customer(f'Customer {number}').reference}"
        legs = {code: 100, "758": -100}
        post(books, Fact(f"K{number}", Journal.MISC, "EUR", "x", legs), at=OPENED)
    with django_assert_num_queries(2):
        receivables.aged(books, asked())
