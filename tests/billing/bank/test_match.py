"""What a movement may pay: the same whatever the order, and never more than is there."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from billing.bank.match import Came, Owed, Proposal, numbers_in, proposals

ANNA, BEN = "FR7630006000011234567890189", "DE89370400440532013000"


def _owed(pk: int, minor: int, payer: int = 1, name: str = "Anna SARL", iban: str = ANNA) -> Owed:
    return Owed(pk, f"F-2026-{pk:04d}", payer, name, iban, minor, date(2026, 12, pk))


def _came(minor: int, text: str = "", name: str = "", iban: str = "") -> Came:
    return Came(minor, text, name, iban)


OWED = [_owed(1, 3600), _owed(2, 2400), _owed(3, 3600, 2, "Ben GmbH", BEN)]


def _best(came: Came) -> tuple[int, tuple[tuple[int, int], ...], int, bool]:
    best = proposals(came, OWED)[0]
    return best.payer, best.shares, best.credit_minor, best.is_sure


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Invoice F-2026-0001", {"F-2026-0001"}),
        ("f 2026 1, F/2026/00002", {"F-2026-0001", "F-2026-0002"}),
        ("RF12F20260001", {"F-2026-0001"}),
        ("RF13F20260001", set()),
        ("XF-2026-0001-9 and F-2026-", {"XF-2026-0001"}),
    ],
)
def test_numbers_are_found_however_they_are_written(text: str, numbers: set[str]) -> None:
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (_came(3600, "F-2026-0001"), (1, ((1, 3600),), 0, True)),
        (_came(6000, "F-2026-0001 F-2026-0002"), (1, ((1, 3600), (2, 2400)), 0, True)),
        (_came(1000, "F-2026-0001"), (1, ((1, 1000),), 0, False)),
        (_came(4000, "F-2026-0001"), (1, ((1, 3600),), 400, False)),
        (_came(2400, iban=ANNA), (1, ((2, 2400),), 0, False)),
        (_came(6000, iban=ANNA), (1, ((1, 3600), (2, 2400)), 0, False)),
        (_came(3600, name="BEN"), (2, ((3, 3600),), 0, False)),
        (_came(3000, iban=ANNA), (1, ((1, 3000),), 0, False)),
        (_came(2400), (1, ((2, 2400),), 0, False)),
    ],
)
def test_the_best_proposal(
    came: Came, expected: tuple[int, tuple[tuple[int, int], ...], int, bool]
) -> None:
    assert _best(came) == expected


def test_nothing_is_proposed_without_a_reason() -> None:
    assert proposals(_came(999, "hello", "Nobody"), OWED) == []
    assert proposals(_came(-3600, "F-2026-0001"), OWED) == []
    for one in proposals(_came(3600, "F-2026-0001", "Anna"), OWED):
        assert one.reasons


def test_invoices_of_two_payers_in_one_text_are_not_sure() -> None:
    found = proposals(_came(3600, "F-2026-0001 F-2026-0003"), OWED)
    assert {one.payer for one in found[:2]} == {1, 2}
    assert not any(one.is_sure for one in found)


@tried(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    minor=st.integers(1, 9000),
    text=st.sampled_from(["", "F-2026-0001", "F-2026-0001 F-2026-0002 F-2026-0004", "F-2026-0003"]),
    name=st.sampled_from(["", "Anna", "Ben"]),
    iban=st.sampled_from(["", ANNA, BEN]),
    amounts=st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    data=st.data(),
)
def test_no_share_is_too_large_and_the_order_of_the_facts_says_nothing(
    minor: int, text: str, name: str, iban: str, amounts: list[int], data: st.DataObject
) -> None:
    owed = [
        _owed(pk, one, 1 + pk % 2, "Ben" if pk % 2 else "Anna", BEN if pk % 2 else ANNA)
        for pk, one in enumerate(amounts, 1)
    ]
    is_open = {one.pk: one.open_minor for one in owed}
    came = Came(minor, text, name, iban)
    found = proposals(came, owed)
    for one in found:
        _holds(one, minor, is_open)
    assert proposals(came, data.draw(st.permutations(owed))) == found


def _holds(one: Proposal, minor: int, is_open: dict[int, int]) -> None:
    assert all(0 < share <= is_open[pk] for pk, share in one.shares)
    assert sum(share for _, share in one.shares) + one.credit_minor == minor
    assert one.credit_minor >= 0
