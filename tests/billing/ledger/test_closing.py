"""Closed books: nothing is dated inside, by any door."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.ledger.closing import NotOver, close_for_ever, close_softly, lift
from billing.ledger.models import Anchor, Books, Entry
from billing.ledger.services import Fact, PeriodLocked, post, reverse
from erp.base.journal import history
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, a_provider
from tests.billing.ledger.test_entries import a_fact

pytestmark = pytest.mark.django_db
NOVEMBER_5, DECEMBER_1 = date(2026, 11, 5), date(2026, 12, 1)


@pytest.fixture
def books() -> Organisation:
    provider = a_provider()
    post(provider, a_fact("old"), at=OPENED, on=NOVEMBER_5)
    return provider


def _close(books: Organisation, *, before: date = DECEMBER_1) -> None:
    close_for_ever(books, before=before, at=OPENED, by="anna", why="November is declared")


def test_nothing_is_dated_into_a_closed_period(books: Organisation) -> None:
    _close(books)
    with pytest.raises(PeriodLocked, match="closed before 2026-12-01: 2026-11-30 is too early"):
        post(books, a_fact(), at=OPENED, on=date(2026, 11, 30))
    with pytest.raises(PeriodLocked):
        reverse(Entry.objects.get(), at=OPENED, on=NOVEMBER_5, why="x")
    assert post(books, a_fact(), at=OPENED, on=DECEMBER_1).number == 2


def test_the_database_refuses_it_too(books: Organisation) -> None:
    _close(books)
    with pytest.raises(IntegrityError, match="books are closed"), transaction.atomic():
        Entry.objects.create(
            organisation=books, key="x", journal="OD", currency="EUR", posted_at=OPENED,
            posted_on=NOVEMBER_5, description="x", amounts={},
        )  # fmt: skip


def test_closed_for_ever_is_for_ever(books: Organisation) -> None:
    _close(books)
    lift(books, at=OPENED, by="anna", why="please")
    with pytest.raises(PeriodLocked, match="closed before 2026-12-01 already"):
        _close(books, before=NOVEMBER_5)
    with pytest.raises(IntegrityError, match="never open again"), transaction.atomic():
        Books.objects.update(locked_before_on=None)


def test_a_soft_lock_is_lifted_with_a_reason_that_stays(books: Organisation) -> None:
    close_softly(books, before=DECEMBER_1, at=OPENED, by="anna", why="in review")
    with pytest.raises(PeriodLocked):
        post(books, a_fact(), at=OPENED, on=NOVEMBER_5)
    lift(books, at=OPENED, by="ben", why="one bill was late")
    assert post(books, a_fact(), at=OPENED, on=NOVEMBER_5).number == 2
    opened = history(books).get(event="books_opened")
    assert (opened.by, opened.why, opened.details) == (
        "ben",
        "one bill was late",
        {"before": "2026-12-01"},
    )


def test_the_future_cannot_be_closed(books: Organisation) -> None:
    with pytest.raises(NotOver, match="2026-12-02 is in the future"):
        _close(books, before=date(2026, 12, 2))


def test_closing_anchors_the_chain_in_two_places(books: Organisation) -> None:
    _close(books)
    newest = Entry.objects.get()
    anchor = Anchor.objects.get()
    assert (anchor.position, anchor.hash) == (1, newest.hash)
    assert history(books).get(event="books_anchored").details == {
        "position": 1,
        "hash": newest.hash,
    }
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Anchor.objects.update(hash="x")


def test_the_same_fact_is_known_after_the_books_closed(books: Organisation) -> None:
    _close(books)
    again = post(books, a_fact("old"), at=OPENED, on=NOVEMBER_5)
    assert again == Entry.objects.get()
    assert isinstance(a_fact("old"), Fact)
