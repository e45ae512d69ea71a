"""The accountant's desk: pages that keep the books, each with its right and its refusals."""

from datetime import date

import pytest
import time_machine

from billing.ledger.models import Account, Books, Entry, Lettering
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider
from tests.billing.reports.books import some_books
from tests.billing.test_pages import signed_in

pytestmark = pytest.mark.django_db
REPORTS = ("journal", "trial-balance", "account", "aged", "revenue", "tax", "deferred", "exports")


@pytest.fixture
def books(usage: FakeUsage) -> Organisation:
    return some_books(usage)


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_a_page_for_who_reads_the_books_only(
    books: Organisation, name: str
) -> None:
    place = f"/reports/{name}?books={books.reference}&from=2026-01-01&to=2026-12-31&account=512"
    place = place.replace("&account=512", "") if name == "journal" else place
    page = signed_in(books, "accountant").get(place)
    assert page.status_code == 200, page.content
    assert signed_in(a_customer("Other"), "owner").get(place).status_code == 403
    if name not in {"deferred", "exports"}:
        assert "€" in page.content.decode()


def test_what_cannot_be_read_is_said_and_the_usual_is_shown(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    page = accountant.get("/reports/trial-balance?from=2026-02-01&to=2026-01-01&after=x")
    assert "before the first" in page.content.decode()
    for odd in ("account?account=512&after=9999-99-99.1", "aged?after=-1", "journal?account=XX"):
        assert accountant.get(f"/reports/{odd}").status_code == 200


@pytest.mark.parametrize("wanted", ["csv", "xlsx"])
def test_every_report_is_a_file(books: Organisation, wanted: str) -> None:
    accountant = signed_in(books, "accountant")
    for name in REPORTS[:-1]:
        answer = accountant.get(f"/reports/{name}?to=2026-12-31&format={wanted}")
        assert answer.headers["Content-Disposition"] == (
            f'attachment; filename="{name}-2026-12-31.{wanted}"'
        )


def test_an_entry_by_hand_is_posted_once_and_reversed(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    form = accountant.get("/ledger/new").context["form"]
    typed = {
        "key": form["key"].value(), "on": "2026-12-02", "currency": "EUR",
        "description": "Interest", "lines": "512;10\n758;;10",
    }  # fmt: skip
    wrong = accountant.post("/ledger/new", typed | {"lines": "512;10\n758;;9"})
    assert (wrong.status_code, "not to zero" in wrong.content.decode()) == (422, True)
    for _ in range(2):
        assert accountant.post("/ledger/new", typed).status_code == 302
    entry = Entry.objects.get(description="Interest")
    place = f"/ledger/entries/{entry.reference}/reverse"
    assert accountant.get(place).status_code == 200
    assert accountant.post(place, {"on": "2026-12-02", "why": "typo"}).status_code == 302
    assert "reversed by OD-2026-" in accountant.get("/ledger/").content.decode()
    sale = Entry.objects.filter(journal="VT").first()
    assert sale is not None
    refused = accountant.post(
        f"/ledger/entries/{sale.reference}/reverse", {"on": "2026-12-02", "why": "x"}
    )
    assert "correct that document" in refused.content.decode()


def test_opening_balances_are_brought_in_from_a_table(usage: FakeUsage) -> None:
    books = a_provider()
    accountant = signed_in(books, "accountant")
    typed = {"on": "2026-01-01", "currency": "EUR", "lines": "512;10\n101;;10"}
    assert accountant.post("/ledger/opening", typed).status_code == 302
    assert Entry.objects.get().amounts == {"512": 1000, "101": -1000}
    wrong = accountant.post("/ledger/opening", typed | {"lines": "512;10\nabc;;10"})
    assert (wrong.status_code, "Account abc" in wrong.content.decode()) == (422, True)


def test_postings_are_lettered_and_opened_again_by_hand(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    account = Account.objects.get(name="Ben", organisation=books)
    place = f"/ledger/accounts/{account.pk}"
    assert "AA" in accountant.get(place).content.decode()
    assert accountant.post(f"{place}/letters/AA/off", {"why": ""}).status_code == 422
    assert accountant.post(f"{place}/letters/AA/off", {"why": "wrong"}).status_code == 302
    legs = list(account.postings.values_list("pk", flat=True))
    bad = accountant.post(f"{place}/letter", {"posting": legs[:1]})
    assert (bad.status_code, "two postings or more" in bad.content.decode()) == (422, True)
    assert accountant.post(f"{place}/letter", {"posting": legs}).status_code == 302
    assert Lettering.objects.get(account=account, undone_at=None).code == "AB"


def test_a_period_is_closed_with_a_reason_and_lifted(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    soft = {"before": "2026-11-01", "how": "soft", "why": "in review"}
    with time_machine.travel(OPENED, tick=False):
        assert accountant.post("/ledger/books/close", soft).status_code == 302
        assert accountant.post("/ledger/books/lift", {"why": "one more"}).status_code == 302
        assert accountant.post("/ledger/books/close", soft | {"how": "hard"}).status_code == 302
        late = accountant.post("/ledger/books/close", soft | {"before": "2099-01-01"})
        assert (late.status_code, "in the future" in late.content.decode()) == (422, True)
        assert accountant.post("/ledger/books/close", soft | {"why": ""}).status_code == 422
    row = Books.objects.get()
    assert (row.locked_before_on, row.soft_locked_before_on) == (date(2026, 11, 1), None)
    assert accountant.post("/ledger/books/burn").status_code == 404


def test_a_chart_in_use_stays_and_a_part_moves(books: Organisation) -> None:
    accountant = signed_in(books, "accountant")
    refused = accountant.post("/ledger/books/chart", {"key": "simple", "year_starts_month": "1"})
    assert "the chart and the year stay" in refused.content.decode()
    part = {"part": "bank", "code": "5122", "name": "New bank", "from_on": "2027-01-01"}
    assert accountant.post("/ledger/books/part", part).status_code == 302
    assert "5122" in accountant.get("/ledger/books").content.decode()


def test_who_only_reads_the_books_changes_nothing(books: Organisation) -> None:
    entry = Entry.objects.filter(key__startswith="manual:").get()
    account = Account.objects.get(code="512")
    owner = signed_in(books, "owner")
    for place in (
        "/ledger/new", "/ledger/opening", "/ledger/books/close", "/ledger/books/lift",
        f"/ledger/entries/{entry.reference}/reverse", f"/ledger/accounts/{account.pk}/letter",
    ):  # fmt: skip
        assert owner.post(place, {}).status_code in {403, 404}, place


def test_the_proof_is_shown(books: Organisation) -> None:
    page = signed_in(books, "accountant").get("/ledger/books?prove=1").content.decode()
    newest = Entry.objects.latest("position")
    assert "The chain holds" in page
    assert newest.hash in page
