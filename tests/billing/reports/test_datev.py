"""The DATEV stack: valid by the published format, and equal to our balances after the import."""

from datetime import date

import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from billing.ledger.chart import Part
from billing.ledger.deferrals import keep, release, split
from billing.ledger.models import Journal, Posting
from billing.ledger.services import Fact, post
from billing.reports import datev
from billing.reports.datev_rows import LIFTED, Booking, Leg, NotPaired, bookings
from erp.base.periods import Period
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_customer, a_provider, at
from tests.billing.reports.books import some_books
from tests.billing.reports.datev_rules import balances, faults, read
from tests.billing.test_pages import signed_in

STACK = datev.Stack(date(2026, 1, 1), date(2026, 12, 31), 29098, 55003)
GERMAN = {"country": "DE", "vat_number": "DE136695976"}


def written(books: Organisation) -> bytes:
    datev.check(books, STACK)
    return b"".join(datev.lines(books, STACK, at=OPENED))


def ours(books: Organisation) -> dict[str, int]:
    sums = Posting.objects.filter(organisation=books).values_list(
        "account__code", "account__debtor_number"
    )
    found = {
        str(number or code): int(minor) for code, number, minor in sums.annotate(minor=Sum("minor"))
    }
    return {account: minor for account, minor in found.items() if minor}


@pytest.mark.django_db
def test_the_stack_is_valid_and_imports_to_our_balances(usage: FakeUsage) -> None:
    books = some_books(usage, **GERMAN)
    content = written(books)
    assert faults(content) == []
    assert balances(content) == ours(books)
    assert ours(books)["8400"] == -12000
    _, _, rows = read(content)
    first = rows[0]
    assert (first["Umsatz (ohne Soll/Haben-Kz)"], first["Konto"]) == ("47,60", "10000")
    assert (first["Gegenkonto (ohne BU-Schlüssel)"], first["BU-Schlüssel"]) == ("8400", "")
    assert (first["Belegdatum"], first["Belegfeld 1"]) == ("0211", "F-2026-0001")


@pytest.mark.django_db
def test_deferred_revenue_takes_a_key_and_its_release_none(usage: FakeUsage) -> None:
    books, buyer = a_provider(**GERMAN), a_customer(country="DE")
    year = Period(at("2026-11-15"), at("2027-11-15"))
    earned, later = split([("8400", 10_001, year)], on=date(2026, 11, 15))
    waits = sum(one.minor for one in later)
    amounts = {code: -minor for code, minor in earned.items()}
    amounts |= {f"1400.{buyer.reference}": 11_901, "0990": -waits, "1776": -1_900}
    fact = Fact("invoice:V", Journal.SALES, "EUR", "x", amounts, piece="F-1")
    entry = post(books, fact, at=at("2026-11-15T10:00"))
    keep(books, [(entry, later)], waits_on="0990")
    release(entry, date(2026, 12, 1), at=at("2027-01-01"))
    content = written(books)
    assert faults(content) == []
    keys = [row["BU-Schlüssel"] for row in read(content)[2]]
    assert sorted(keys) == ["", "3", LIFTED]
    assert balances(content) == ours(books)


@pytest.mark.django_db
def test_a_buyer_elsewhere_in_the_eu_is_named(usage: FakeUsage) -> None:
    books = a_provider(**GERMAN)
    buyer = a_customer("Buyer", country="FR", vat_number="FR44732829320")
    legs = {f"1400.{buyer.reference}": 100, "8336": -100}
    post(books, Fact("K", Journal.SALES, "EUR", "x", legs), at=OPENED)
    (row,) = read(written(books))[2]
    assert row["EU-Land u. UStID (Bestimmung)"] == "FR44732829320"
    assert faults(written(books)) == []


@pytest.mark.django_db
def test_what_it_cannot_say_is_refused_in_words(usage: FakeUsage) -> None:
    french = signed_in(a_provider(), "accountant")
    asked = "start=2026-01-01&end=2026-12-31&adviser=29098&client=1"
    answer = french.get(f"/reports/exports/datev?{asked}")
    assert (answer.status_code, "kept with another chart" in answer.content.decode()) == (422, True)
    Organisation.objects.update(country="DE")
    books = a_provider()
    post(books, Fact("K", Journal.MISC, "USD", "x", {"1200": 5, "9000": -5}), at=OPENED)
    answer = french.get(f"/reports/exports/datev?{asked}")
    assert "is in USD" in answer.content.decode()
    two_years = asked.replace("2026-12-31", "2027-01-31")
    answer = french.get(f"/reports/exports/datev?{two_years}")
    assert "one financial year" in answer.content.decode()
    assert french.get(f"/reports/exports/datev?{asked}0000").status_code == 422


@pytest.mark.django_db
def test_the_page_sends_it(usage: FakeUsage) -> None:
    books = some_books(usage, **GERMAN)
    asked = "start=2026-01-01&end=2026-12-31&adviser=29098&client=1"
    answer = signed_in(books, "accountant").get(f"/reports/exports/datev?{asked}")
    name = "EXTF_Buchungsstapel_20260101_20261231.csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert faults(b"".join(answer)) == []


@given(net=st.integers(1, 10**9), rate=st.sampled_from(["7", "19"]))
def test_one_invoice_imports_to_the_tax_that_it_says(net: int, rate: str) -> None:
    tax = (2 * net * int(rate) + 100) // 200
    sales, account = {"19": ("8400", "1776"), "7": ("8300", "1771")}[rate]
    legs = [
        Leg("10000", net + tax), Leg(sales, -net, is_taxable=True, computes_tax=rate),
        Leg(account, -tax, tax_rate=rate),
    ]  # fmt: skip
    (row,) = bookings([leg for leg in legs if leg.minor])
    assert (row.minor, row.key) == (net + tax, "" if tax else LIFTED)
    computed = (2 * row.minor * int(rate) + 100 + int(rate)) // (2 * (100 + int(rate)))
    assert not tax or computed == tax


@given(st.lists(st.integers(-(10**9), 10**9).filter(bool), min_size=1, max_size=8))
def test_rows_move_each_account_by_its_legs(amounts: list[int]) -> None:
    legs = [Leg(f"{4000 + place}", minor) for place, minor in enumerate(amounts)]
    if sum(amounts):
        legs.append(Leg("9000", -sum(amounts)))
    held: dict[str, int] = {}
    for row in bookings(legs):
        assert row.minor > 0
        held[row.debit] = held.get(row.debit, 0) + row.minor
        held[row.credit] = held.get(row.credit, 0) - row.minor
    assert held == {leg.account: leg.minor for leg in legs}


def test_two_rates_in_one_entry_cannot_be_told_apart() -> None:
    legs = [
        Leg("10000", 226), Leg("8400", -100, is_taxable=True, computes_tax="19"),
        Leg("8300", -100, is_taxable=True, computes_tax="7"), Leg("1776", -19, tax_rate="19"),
        Leg("1771", -7, tax_rate="7"),
    ]  # fmt: skip
    with pytest.raises(NotPaired):
        bookings(legs)
    assert bookings([Leg("1200", 5), Leg("8400", -5, computes_tax="19")]) == [
        Booking(5, "1200", "8400", LIFTED)
    ]
    assert Part.DEFERRED in datev._TAXABLE
