"""Deferred revenue: to the cent, month by month, once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models import Sum
from hypothesis import given
from hypothesis import strategies as st

from billing.audit import LAWS
from billing.ledger import closing, deferrals, queries, tasks
from billing.ledger.deferrals import Share, by_month, keep, release, split
from billing.ledger.models import Anchor, Deferral, Entry, Journal, Posting
from billing.ledger.services import Fact, post
from erp.base.periods import Period
from tests.billing.builders import OPENED, a_customer, a_provider, at

pytestmark = pytest.mark.django_db
YEAR = Period(at("2026-12-15"), at("2027-12-15"))


def an_invoice(minor: int = 120_000, period: Period = YEAR) -> Entry:
    books, buyer = a_provider(), a_customer()
    earned, later = split([("7061", minor, period)], on=date(2026, 12, 15))
    amounts = {code: -part for code, part in earned.items()}
    amounts |= {"487": -sum(one.minor for one in later), f"411.{buyer.reference}": minor}
    fact = Fact("invoice:V-1", Journal.SALES, "EUR", "Invoice F-1", amounts, piece="F-1")
    entry = post(books, fact, at=at("2026-12-15T09:00"))
    keep(books, [(entry, later)], waits_on="487")
    keep(books, [(entry, later)], waits_on="487")
    return entry


def law(number: int) -> list[str]:
    return next(check for name, check in LAWS.items() if name.startswith(f"L{number} "))()


def test_a_year_is_split_by_the_days_of_its_months() -> None:
    shares = by_month(36_500, Period(at("2026-01-01"), at("2027-01-01")))
    assert list(shares.values()) == [
        100 * days for days in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    ]


@given(
    minor=st.integers(-(10**12), 10**12),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    seconds=st.integers(1, 3 * 366 * 86400),
    on=st.dates(date(2020, 1, 1), date(2034, 1, 1)),
)
def test_what_is_earned_and_what_waits_is_the_whole(
    minor: int, start: datetime, seconds: int, on: date
) -> None:
    begin = start.replace(tzinfo=UTC)
    period = Period(begin, begin + timedelta(seconds=seconds))
    assert sum(by_month(minor, period).values()) == minor
    earned, later = split([("7061", minor, period), ("7062", -minor, period)], on=on)
    for account, whole in (("7061", minor), ("7062", -minor)):
        waits = sum(one.minor for one in later if one.revenue == account)
        assert earned.get(account, 0) + waits == whole
    assert all(one.month_on > on and one.minor for one in later)


def test_revenue_moves_month_by_month_and_ends_exact() -> None:
    entry = an_invoice(100_001)
    assert law(16) == []
    for month in range(1, 13):
        release(entry, date(2027, month, 1), at=at("2028-01-01"))
        assert law(16) == []

    sums = Posting.objects.values_list("account__code").annotate(Sum("minor"))

    found = dict(sums)
    assert (found["487"], found["7061"]) == (0, -100_001)
    assert not Deferral.objects.filter(released_by=None).exists()
    january = Entry.objects.get(key=f"release:{entry.reference}:2027-01")
    assert (january.posted_on, january.description) == (
        date(2027, 1, 31),
        "Earned in January 2027: Invoice F-1",
    )


def test_the_sweep_releases_what_is_over_and_twice_is_once(monkeypatch: pytest.MonkeyPatch) -> None:
    an_invoice()
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(tasks.release_deferral, "delay", lambda **keys: sent.append(keys))
    with time_machine.travel(at("2027-03-01T00:10"), tick=False):
        tasks.sweep_deferrals()
        tasks.sweep_deferrals()
        assert [one["month"] for one in sent] == ["2027-01-01", "2027-02-01"] * 2
        for keys in sent:
            tasks.release_deferral(**keys)
            tasks.release_deferral(**keys)
        assert Entry.objects.filter(key__startswith="release:").count() == 2
        assert not queries.unreleased(date(2027, 3, 1)).exists()


def test_closing_a_month_releases_it_first() -> None:
    entry = an_invoice()
    now = at("2027-02-10")
    closing.close_for_ever(
        entry.organisation, before=date(2027, 2, 1), at=now, by="anna", why="January is done"
    )
    assert Entry.objects.get(key__startswith="release:").posted_on == date(2027, 1, 31)


def test_a_closed_month_is_released_on_the_first_open_day() -> None:
    entry = an_invoice()
    books = entry.organisation
    closing.close_for_ever(
        books, before=date(2027, 1, 1), at=at("2027-03-05"), by="anna", why="done"
    )
    closing.close_softly(books, before=date(2027, 3, 3), at=at("2027-03-05"), by="anna", why="x")
    shares = [Share("7061", date(2027, 2, 1), 5)]
    late = post(
        books, Fact("K", Journal.MISC, "EUR", "late", {"512": 5, "487": -5}), at=at("2027-03-05")
    )
    keep(books, [(late, shares)], waits_on="487")
    made = release(late, date(2027, 2, 1), at=at("2027-03-05"))
    assert made is not None
    assert made.posted_on == date(2027, 3, 3)


def test_the_last_day_of_a_month() -> None:
    assert deferrals.last_day(date(2028, 2, 1)) == date(2028, 2, 29)


def test_chains_are_anchored_every_day_once() -> None:
    an_invoice()
    with time_machine.travel(OPENED, tick=False):
        tasks.sweep_anchors()
        tasks.sweep_anchors()
    assert [one.position for one in Anchor.objects.all()] == [1]
    post(a_provider(), Fact("K", Journal.MISC, "EUR", "x", {"512": 5, "758": -5}), at=OPENED)
    with time_machine.travel(OPENED + timedelta(hours=1), tick=False):
        tasks.sweep_anchors()
        assert Anchor.objects.count() == 1
    with time_machine.travel(OPENED + timedelta(days=1), tick=False):
        tasks.sweep_anchors()
    assert [one.position for one in Anchor.objects.all()] == [2, 1]
    assert law(15) == []
