"""Each format is read to the cent, balanced, and refused when it is cut off or hostile."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st

from billing.bank.formats import read
from billing.bank.statement import BadFile, Line, Statement, is_account

GOLDEN = Path(__file__).parent / "golden"
IBAN = "FR7630006000011234567890189"
DAY = date(2026, 12, 2)


def the(name: str) -> Statement:
    _, (statement,) = read((GOLDEN / name).read_bytes())
    return statement


def test_camt_02_says_each_payment_of_a_sum() -> None:
    one = the("camt053-02.xml")
    assert (one.account, one.number, one.closing_on) == (IBAN, "231", DAY)
    assert (one.opening_minor, one.closing_minor) == (10000, 20450)
    assert one.lines == (
        Line(
            DAY, date(2026, 12, 1), 3600, "Invoice F-2026-0001 thank you", "Anna & Söhne",
            "DE89370400440532013000", "2026120200001",
        ),
        Line(DAY, DAY, 3000, reference="2026120200002/1", end_to_end="E-1", batch="S-0001"),
        Line(DAY, DAY, 4200, reference="2026120200002/2", end_to_end="E-2", batch="S-0001"),
        Line(DAY, DAY, -350, "Account fee"),
    )  # fmt: skip


def test_camt_08_says_why_a_payment_came_back() -> None:
    one = the("camt053-08.xml")
    back = date(2026, 12, 3)
    assert one.lines == (
        Line(back, back, -3600, "F-2026-0001", "Anna", "", "2026120300009", "E-7", "", "AC04"),
    )


def test_mt940_of_a_german_bank() -> None:
    one = the("german.sta")
    assert is_account("DE89370400440532013000", one.account)
    assert (one.opening_minor, one.closing_minor) == (100000, 102050)
    first, returned, fee = one.lines
    assert first == Line(
        DAY, DAY, 3600, "RECHNUNG F-2026-0001 DANKE", "ANNA GMBH", "DE89370400440532013000",
        "2026-77", "E-9",
    )  # fmt: skip
    assert (returned.minor, returned.end_to_end, returned.return_code) == (-1250, "E-7", "AC04")
    assert (fee.minor, fee.booked_on, fee.value_on) == (-300, date(2027, 1, 2), date(2026, 12, 31))


def test_mt940_of_a_dutch_bank() -> None:
    one = the("dutch.sta")
    assert (one.account, one.opening_minor, one.closing_minor) == (
        "NL91ABNA0417164300",
        -1000,
        2600,
    )
    (line,) = one.lines
    assert (line.minor, line.text) == (3600, "F-2026-0001 AND F-2026-0002")
    assert (line.name, line.iban, line.end_to_end) == (
        "ANNA GMBH", "DE89370400440532013000", "E-11",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["old.ofx", "new.ofx"])
def test_ofx_old_and_new(name: str) -> None:
    one = the(name)
    assert is_account(IBAN, one.account)
    assert (one.closing_minor, one.closing_on) == (13250, DAY)
    assert (one.lines[0].minor, one.lines[0].text) == (3600, "F-2026-0001")
    assert [line.reference for line in one.lines][:1] in (["20261202-1"], ["A1"])
    assert sum(line.minor for line in one.lines) in (3600, 3250)


@pytest.mark.parametrize("name", ["releve.cfonb", "releve-uncut.cfonb"])
def test_cfonb_with_or_without_line_ends(name: str) -> None:
    one = the(name)
    assert is_account(IBAN, one.account)
    assert (one.opening_minor, one.closing_minor, one.closing_on) == (10000, 12350, DAY)
    paid, rejected = one.lines
    assert paid == Line(
        DAY, DAY, 3600, "VIR SEPA ANNA F-2026-0001", "ANNA ET FILS", "", "0000000", "E-3"
    )
    assert (rejected.minor, rejected.return_code) == (-1250, "C04")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("camt053-02.xml", b">36.00<", b">36.01<"),
        ("german.sta", b"EUR1020,50", b"EUR1020,51"),
        ("releve.cfonb", b"0000000001235{", b"0000000001235A"),
    ],
)
def test_what_does_not_add_up_is_refused_with_both_balances(
    name: str, old: bytes, new: bytes
) -> None:
    content = (GOLDEN / name).read_bytes()
    assert old in content
    with pytest.raises(BadFile, match=r"its lines lead to .* EUR, and it ends at"):
        read(content.replace(old, new))


HOSTILE = [
    b"", b"hello", b"<a>", b"<Document/>", b"%PDF-1.7", b":20:x\n:25:y",
    b'<!DOCTYPE a [<!ENTITY b "c">]><Document>&b;</Document>',
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><Document/>',
    b"<OFX><STMTRS></OFX>", b"01" + b" " * 118,
]  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE)
def test_what_is_no_bank_file_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(BadFile):
        read(content)


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir()))
def test_a_file_that_is_cut_off_anywhere_is_read_or_refused_and_never_a_fault(name: str) -> None:
    content = (GOLDEN / name).read_bytes()
    for end in range(0, len(content), 23):
        try:
            read(content[:end])
        except BadFile:
            continue


@tried(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.sampled_from([b"<", b":20:x\n:25:", b"OFXHEADER<OFX>", b"01"]))
def test_noise_is_refused(noise: bytes, head: bytes) -> None:
    try:
        read(head + noise)
    except BadFile:
        return


@tried(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.builds(
            Line, st.just(DAY), st.just(DAY), st.integers(-500, 500), text=st.sampled_from("ab")
        ),
        max_size=12,
    )
)
def test_each_line_has_its_own_key_in_whatever_order(lines: list[Line]) -> None:
    def keys(ordered: list[Line]) -> set[str]:
        return {key for key, _ in Statement(IBAN, "EUR", "1", 0, None, DAY, ordered).keyed()}

    assert len(keys(lines)) == len(lines)
    assert keys(lines) == keys(lines[::-1])
