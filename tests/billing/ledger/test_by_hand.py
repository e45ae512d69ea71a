"""What people book: tables are read exactly, refused with the line, and booked once."""

from datetime import date

import pytest
from django.db.models import Sum

from billing.ledger.by_hand import (
    Leg,
    NotByHand,
    Typed,
    Unreadable,
    bring_in,
    post_by_hand,
    read,
    reverse_by_hand,
)
from billing.ledger.models import Entry, Journal, Posting
from billing.ledger.services import Fact, Unbalanced, post
from erp.base.journal import history
from tests.billing.builders import OPENED, a_customer, a_provider

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 1)


def test_a_table_is_read_with_its_head_and_commas() -> None:
    text = (
        "account;debit;credit;document;due\n512;1234,50\n411.O-1;10;;F-9;2026-02-01\n\n890;;1244.50"
    )
    assert read(text, "EUR") == [
        Leg("512", 123450),
        Leg("411.O-1", 1000, "F-9", date(2026, 2, 1)),
        Leg("890", -124450),
    ]
    assert read("512,,7", "JPY") == [Leg("512", -7)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no lines"),
        ("512;1\n706;x", "Line 2: x is no amount"),
        ("512;1.005", "Line 1: 1.005 is no amount of EUR"),
        ("512;-5", "below zero"),
        ("512;NaN", "is no amount"),
        ("512;1e99", "is no amount"),
        ("512", "Line 1: write an amount"),
        ("512;1;;F;tomorrow", "tomorrow is no day"),
        ("512;1\n" * 202, "202 lines are too many"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(text, "EUR")


def test_opening_balances_make_an_entry_per_open_item_and_end_at_zero() -> None:
    books, customer = a_provider(), a_customer()
    account = f"411.{customer.reference}"
    legs = [
        Leg("512", 50_000),
        Leg(account, 12_000, "OLD-1", date(2025, 12, 1)),
        Leg(account, 3_000, "OLD-2", date(2026, 1, 15)),
        Leg("101", -65_000),
    ]
    for _ in range(2):
        made = bring_in(books, legs, currency="EUR", on=DAY, at=OPENED, by="anna")

    assert len(made) == Entry.objects.count() == 3
    opening = Posting.objects.filter(account__code="890").aggregate(minor=Sum("minor"))["minor"]
    assert opening == 0
    items = Posting.objects.filter(account__code=account).order_by("due_on")
    assert [(one.item, one.minor, one.due_on) for one in items] == [
        ("OLD-1", 12_000, date(2025, 12, 1)),
        ("OLD-2", 3_000, date(2026, 1, 15)),
    ]
    assert history(books).filter(event="balances_brought_in").count() == 1


def test_a_table_that_does_not_balance_says_by_how_much() -> None:
    with pytest.raises(Unbalanced, match=r"differ by 0.05 EUR"):
        legs = [Leg("512", 105), Leg("101", -100)]
        bring_in(a_provider(), legs, currency="EUR", on=DAY, at=OPENED, by="anna")
    assert not Entry.objects.exists()


def test_a_form_sent_twice_is_one_entry_and_is_reversed_by_hand() -> None:
    books = a_provider()
    typed = Typed("K-1", "Bank charges", "EUR", DAY, [Leg("627", 500), Leg("512", -500)])
    for _ in range(2):
        entry = post_by_hand(books, typed, at=OPENED, by="anna")
    assert Entry.objects.count() == 1
    back = reverse_by_hand(entry, at=OPENED, on=DAY, by="ben", why="wrong bank")
    assert back.reverses == entry
    assert history(entry).get(event="reversed").why == "wrong bank"


def test_what_a_document_wrote_is_corrected_by_a_document() -> None:
    fact = Fact("invoice:V-1", Journal.SALES, "EUR", "x", {"512": 5, "758": -5}, piece="F-1")
    entry = post(a_provider(), fact, at=OPENED)
    with pytest.raises(NotByHand, match="written by invoice F-1"):
        reverse_by_hand(entry, at=OPENED, on=DAY, by="anna", why="x")
