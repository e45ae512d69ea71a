"""Closing a year: its sales and costs become its result, once, and the FEC stays right."""

from datetime import date

import pytest
from django.core.management import call_command

from billing.ledger.closing import NotOver, close_softly
from billing.ledger.models import Account, Books, Entry, Journal
from billing.ledger.services import Fact, PeriodLocked, chart_of, post
from billing.ledger.years import EarlierYearOpen, NothingToClose, close_year, to_close
from billing.reports import accounts, fec
from billing.reports.table import Asked
from config.audit import violations
from erp.customers.models import Organisation
from tests.billing.builders import FakeUsage, a_provider, at
from tests.billing.reports.books import some_books
from tests.billing.reports.fec_rules import faults
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
Y2026, Y2027 = date(2026, 1, 1), date(2027, 1, 1)
NEW_YEAR = at("2027-01-05T10:00")
LATER = at("2028-01-05T10:00")


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    """Sales of 120.00 without tax, and costs of 1.50; a cost of 2.00 in the year after."""
    made = some_books(usage, legal_id="732829320")
    chart = chart_of(made)
    legs = {chart.code_for("bank_charges"): 200, chart.bank: -200}
    fact = Fact("manual:K-2027", Journal.MISC, "EUR", "Charges of January", legs)
    post(made, fact, at=NEW_YEAR, on=date(2027, 1, 4))
    return made


def _holds(code: str) -> int:
    return sum(leg.minor for leg in Account.objects.get(code=code).postings.all())


def _close(books: Organisation, start: date = Y2026) -> list[Entry]:
    return close_year(books, start=start, at=NEW_YEAR, by="anna")


def _fec(books: Organisation, year: date) -> tuple[list[list[str]], list[str]]:
    content = b"".join(fec.lines(books, year))
    rows = [line.split("\t") for line in content.decode("iso8859-15").splitlines()[1:]]
    return rows, faults(fec.name_of(books, year), content)


def test_sales_and_costs_become_the_result_and_the_year_is_closed_for_ever(
    books: Organisation,
) -> None:
    waiting = to_close(books)
    assert waiting is not None
    (made_so_far,) = waiting.results
    (entry,) = _close(books)
    assert entry.posted_on == date(2026, 12, 31)
    assert entry.full_number == "CL-2026-000001"
    assert entry.amounts["120"] == -made_so_far.minor
    assert sum(entry.amounts.values()) == 0
    assert made_so_far.expense_minor == 150
    for code in entry.amounts:
        if code.startswith("7"):
            assert _holds(code) == 0
    assert _holds("627") == 200
    assert Books.objects.get().locked_before_on == Y2027
    assert _close(books) == [entry]
    with pytest.raises(PeriodLocked):
        post(books, Fact("x", Journal.MISC, "EUR", "x", {"512": 1, "530": -1}),
             at=NEW_YEAR, on=date(2026, 12, 31))  # fmt: skip
    assert [sentence for found in violations().values() for sentence in found] == []
    call_command("verify_books")


def test_the_balance_of_the_year_still_shows_what_it_made(books: Organisation) -> None:
    asked = Asked(Y2026, date(2026, 12, 31), "EUR")
    before = [row.cells for row in accounts.trial_balance(books, asked).rows]
    _close(books)
    assert [row.cells for row in accounts.trial_balance(books, asked).rows] == before
    after = Asked(Y2027, date(2027, 12, 31), "EUR")
    rows = {row.cells[0]: row.cells for row in accounts.trial_balance(books, after).rows}
    assert accounts.RESULTS not in rows
    assert rows["120"][2] == rows["120"][5] == -(12000 - 150)
    assert rows["627"][2:] == (None, 200, None, 200)


def test_the_fec_leaves_the_closing_out_and_opens_the_next_year(books: Organisation) -> None:
    before, wrong = _fec(books, Y2026)
    assert wrong == []
    early, wrong = _fec(books, Y2027)
    assert wrong == []
    _close(books)
    assert _fec(books, Y2026) == (before, [])
    after, wrong = _fec(books, Y2027)
    assert wrong == []
    opening = [row for row in after if row[0] == "RAN"]
    assert after[: len(opening)] == opening
    assert [(row[4], row[11], row[12]) for row in opening] == [
        ("120", "0,00", "118,50"), ("411", "72,00", "0,00"), ("44571.FR.20.00", "0,00", "24,00"),
        ("512", "70,50", "0,00"),
    ]  # fmt: skip
    assert {(row[4], row[12]) for row in early if row[4] == "120"} == {("120", "118,50")}
    assert [row[2] for row in after if row[0] == "CL"] == []


def test_years_are_closed_in_their_order_and_when_they_are_over(books: Organisation) -> None:
    with pytest.raises(EarlierYearOpen, match="Close the year 2026 first"):
        close_year(books, start=Y2027, at=LATER, by="anna")
    with pytest.raises(NotOver):
        close_year(books, start=Y2026, at=at("2026-12-31T10:00"), by="anna")
    with pytest.raises(NothingToClose):
        close_year(books, start=date(2025, 1, 1), at=LATER, by="anna")
    _close(books)
    (entry,) = close_year(books, start=Y2027, at=LATER, by="anna")
    assert entry.amounts == {"627": -200, "129": 200}
    assert not Entry.objects.filter(journal="CL", fiscal_year=2025).exists()


def test_a_soft_lock_that_goes_further_stays(books: Organisation) -> None:
    close_softly(books, before=date(2027, 1, 3), at=NEW_YEAR, by="anna", why="in review")
    _close(books)
    row = Books.objects.get()
    assert (row.locked_before_on, row.soft_locked_before_on) == (Y2027, date(2027, 1, 3))


def test_a_year_with_nothing_in_its_accounts_is_closed_without_an_entry() -> None:
    books = a_provider()
    post(books, Fact("K", Journal.MISC, "EUR", "x", {"512": 5, "530": -5}), at=at("2026-05-05"))
    assert close_year(books, start=Y2026, at=NEW_YEAR, by="anna") == []
    following = to_close(books)
    assert following is not None and following.start == Y2027


def test_an_accountant_closes_it_with_one_click(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    page = accountant.get(f"/ledger/books?books={books.reference}").content.decode()
    assert "Next to close" in page
    answer = accountant.post("/ledger/books/year", {"start": "2027-01-01"})
    assert (answer.status_code, "Close the year 2026 first" in answer.content.decode()) == (
        422, True,
    )  # fmt: skip
