"""Amounts, moments, periods and charts as they are read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from config.ui import charts, words
from config.ui.icons import icon_svg
from config.ui.tones import BAD, BUSY, IDLE, OK, look_of
from erp.base.periods import Period

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _text(written: str) -> str:
    return written.replace("\xa0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [
        (123456, "EUR", "€1,234.56"),
        (-5, "EUR", "-€0.05"),
        (500, "JPY", "¥500"),
        (12345, "TND", "TND12.345"),
        (9007199254740993, "EUR", "€90,071,992,547,409.93"),
    ],
)
def test_an_amount_has_every_digit_of_its_currency(minor: int, currency: str, written: str) -> None:
    assert _text(words.money(minor, currency)) == written


def test_an_amount_is_written_in_the_readers_language() -> None:
    with translation.override("fr"):
        assert _text(words.money(123456, "EUR")) == "1 234,56 €"


@pytest.mark.parametrize(
    ("apart", "written"),
    [
        (timedelta(seconds=-20), "just now"),
        (timedelta(minutes=-5), "5 minutes ago"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=-60), "24 Sept 2026"),
    ],
)
def test_a_moment_is_relative_until_it_is_far(apart: timedelta, written: str) -> None:
    assert words.relatively(NOON + apart, NOON).replace("Sep ", "Sept ") == written


def test_periods_show_their_last_day_not_their_end() -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)

    assert words.period(Period(start, datetime(2026, 12, 1, tzinfo=UTC))) == "November 2026"
    assert words.period(Period(start, start + timedelta(days=7))) == "1 Nov 2026 – 7 Nov 2026"
    assert words.period(Period(start, start + timedelta(days=1))) == "1 Nov 2026"


def test_the_axis_ends_at_a_round_number() -> None:
    tops = [charts.nice_top(Decimal(x)) for x in ("0", "0.03", "7", "16", "21", "100", "101")]

    assert tops == [Decimal(x) for x in ("1", "0.05", "10", "20", "25", "100", "200")]


def test_what_was_not_measured_is_a_gap_and_not_zero() -> None:
    drawn = charts.plot(charts.points_of([("a", 1), ("b", None), ("c", 0)]), kind="line")

    assert drawn.lines == ("166.7,0", "833.3,200")
    assert [(bar.x, bar.width, bar.gap) for bar in drawn.bars] == [("333.3", "333.3", True)]


def test_a_state_looks_as_it_is() -> None:
    assert [look_of(w) for w in ("active", "failed", "building", "nobody-knows")] == [
        OK,
        BAD,
        BUSY,
        IDLE,
    ]


def test_an_icon_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        icon_svg("no-such-icon", "mini", 18, "")


def test_an_icon_with_a_label_is_an_image_and_its_label_is_escaped() -> None:
    assert 'role="img" aria-label="&lt;b&gt;"' in icon_svg("server", "mini", 18, "<b>")
