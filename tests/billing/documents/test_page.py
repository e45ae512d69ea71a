"""What the page prints: amounts, days and units as each language writes them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from billing.documents.formats import Formats
from billing.documents.page import context_of, html_of
from billing.documents.snapshot import Snapshot
from billing.documents.units import code_of, label_of, name_of
from tests.billing.documents.samples import SELLER, a_document, a_line, dinar, domestic, yen

ENGLISH = Formats("en", "EUR", 2)
NARROW, WIDE = "\u202f", "\xa0"


@pytest.mark.parametrize(
    ("language", "currency", "exponent", "minor", "printed"),
    [
        ("en", "EUR", 2, 123456, "€1,234.56"),
        ("fr", "EUR", 2, 123456, f"1{NARROW}234,56{WIDE}€"),
        ("de", "EUR", 2, -123456, f"-1.234,56{WIDE}€"),
        ("en", "JPY", 0, 123456, "JP¥123,456"),
        ("en", "KWD", 3, 123456, f"KWD{WIDE}123.456"),
        ("en", "IQD", 3, 1, f"IQD{WIDE}0.001"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    language: str, currency: str, exponent: int, minor: int, printed: str
) -> None:
    assert Formats(language, currency, exponent).money(minor) == printed


def test_prices_and_quantities_are_printed_exactly() -> None:
    assert ENGLISH.price(Decimal("9.9")) == "9.90"
    assert ENGLISH.price(Decimal("0.000200001")) == "0.000200001"
    assert ENGLISH.number(Decimal("18341.250000000")) == "18,341.25"
    assert ENGLISH.number(Decimal("123456789012345.123456789")) == "123,456,789,012,345.123456789"
    assert Formats("en", "JPY", 0).price(Decimal("1333")) == "1,333"
    assert Formats("en", "KWD", 3).price(Decimal("3.335")) == "3.335"


def test_days_are_written_in_words() -> None:
    day = date(2026, 3, 3)
    assert [Formats(one, "EUR", 2).day(day) for one in ("en", "fr", "de")] == [
        "3 March 2026",
        "3 mars 2026",
        "3. März 2026",
    ]
    assert ENGLISH.short_day(day) == "3 Mar"
    assert ENGLISH.country("DE") == "Germany"
    assert ENGLISH.country("XX") == "XX"


def test_units_are_named_for_their_quantity() -> None:
    assert (code_of("month"), code_of("h"), code_of("GiB.h"), code_of("mails")) == (
        "MON", "HUR", "C62", "C62",
    )  # fmt: skip
    assert (label_of("GiB.h", "fr"), label_of("mails", "fr"), label_of("h", "fr")) == (
        "Gio·h", "mails", "",
    )  # fmt: skip
    assert [name_of("MON", "en", Decimal(one)) for one in ("1", "-1", "0.5", "2")] == [
        "month", "month", "months", "months",
    ]  # fmt: skip
    assert [name_of("DAY", "fr", Decimal(one)) for one in ("1.5", "2")] == ["jour", "jours"]
    assert name_of("C62", "en", Decimal(3)) == ""


def test_names_are_text_and_never_markup() -> None:
    html = html_of(a_document([a_line(1, "<b>Site</b> & co", "1", "9.90")]))
    assert "&lt;b&gt;Site&lt;/b&gt; &amp; co" in html
    assert "<b>" not in html


def test_the_code_to_scan_names_payee_account_amount_and_reference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, object] = {}
    from segno.helpers import make_epc_qr

    def remember(**facts: object) -> object:
        asked.update(facts)
        return make_epc_qr(**facts)  # type: ignore[arg-type]

    monkeypatch.setattr("billing.documents.page.make_epc_qr", remember)
    payment = context_of(domestic())["payment"]
    assert asked == {
        "name": "Nuage & Fils SAS",
        "iban": "FR7630006000011234567890189",
        "amount": Decimal("19.75"),
        "text": "F-2026-000042",
        "bic": "AGRIFRPP",
    }
    assert payment["qr"]["path"].startswith("M0 0h7v1H0z"), "the corner mark is seven squares wide"


def code_of_payment(snapshot: Snapshot) -> object:
    return context_of(snapshot)["payment"]["qr"]


def test_only_euro_can_be_scanned() -> None:
    assert code_of_payment(yen()) is None
    assert code_of_payment(dinar()) is None


def test_a_bic_that_is_none_does_not_stop_the_document() -> None:
    assert code_of_payment(replace(domestic(), seller=replace(SELLER, bic="AGRI")))


def test_without_an_account_or_a_debt_no_payment_is_asked_for() -> None:
    assert context_of(replace(domestic(), seller=replace(SELLER, iban="")))["payment"] is None
    paid = a_document([a_line(1, "Site", "1", "10")], paid_minor=1200)
    assert context_of(paid)["payment"] is None
    assert context_of(paid)["headline"] == f"Net à payer : 0,00{WIDE}€"
