"""Days, sequences, letters and files: what a bank accepts, without a database."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from sepaxml.validation import try_valid_xml

from billing.sepa import files, status
from billing.sepa.calendar import easter, is_open, next_open, sequences, void_before
from billing.sepa.files import Header, InvalidFile, Order, latin
from billing.sepa.iso20022 import BadFile

MADE = datetime(2026, 12, 1, 6, tzinfo=UTC)
SELLER = Header(
    "S-00000001", MADE, "Müller & Söhne", "FR7630006000011234567890189", "", "FR72ZZZ123456"
)


def _order(number: int = 1, **facts: Any) -> Order:
    usual: dict[str, Any] = {
        "end_to_end": f"J-{number:08d}", "minor": 3600, "on": date(2026, 12, 31),
        "name": "Łukasz Groß", "iban": "DE89370400440532013000", "bic": "",
        "text": f"F-2026-{number:04d}", "sequence": "FRST", "umr": "Z-00000001",
        "signed_on": date(2026, 11, 1),
    }  # fmt: skip
    return Order(**usual | facts)


@pytest.mark.parametrize(
    ("year", "sunday"),
    [(2024, date(2024, 3, 31)), (2026, date(2026, 4, 5)), (2038, date(2038, 4, 25))],
)
def test_easter_is_where_the_calendar_has_it(year: int, sunday: date) -> None:
    assert easter(year) == sunday
    assert not is_open(sunday - timedelta(days=2)) and not is_open(sunday + timedelta(days=1))


def test_banks_are_closed_on_weekends_and_six_days_of_the_year() -> None:
    year = [date(2026, 1, 1) + timedelta(days=one) for one in range(365)]
    closed = [day for day in year if day.weekday() < 5 and not is_open(day)]
    assert closed == [
        date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25),
    ]  # fmt: skip
    assert next_open(date(2026, 12, 25)) == date(2026, 12, 28)
    assert next_open(date(2026, 12, 24)) == date(2026, 12, 24)


def test_a_mandate_is_void_after_36_months() -> None:
    assert void_before(date(2026, 12, 31)) == date(2023, 12, 31)
    assert void_before(date(2028, 2, 29)) == date(2025, 2, 28)


@pytest.mark.parametrize(
    ("kind", "is_last", "is_used", "count", "found"),
    [
        ("recurrent", False, False, 3, ["FRST", "RCUR", "RCUR"]),
        ("recurrent", False, True, 2, ["RCUR", "RCUR"]),
        ("recurrent", True, True, 2, ["RCUR", "FNAL"]),
        ("recurrent", True, False, 1, ["FNAL"]),
        ("one_off", False, False, 3, ["OOFF"]),
    ],
)
def test_only_the_first_is_first_and_only_the_last_is_last(
    kind: str, is_last: bool, is_used: bool, count: int, found: list[str]
) -> None:
    assert sequences(kind, is_last=is_last, is_used=is_used, count=count) == found


@given(st.text(), st.integers(1, 140))
def test_texts_are_in_letters_that_every_bank_takes(text: str, most: int) -> None:
    found = latin(text, most)
    assert len(found) <= most
    assert found.isascii() and not set(found) & set("<>&\"'_@#\n\r\t") - {"'"}


def test_names_stay_readable() -> None:
    assert latin("Łukasz Groß & Cie — Œuvre n°5", 70) == "Lukasz Gross + Cie OEuvre n 5"


def test_debits_are_grouped_by_sequence_and_sum_up() -> None:
    orders = [_order(1), _order(2, minor=99, sequence="RCUR"), _order(3, sequence="RCUR")]
    written = files.debits(SELLER, orders)
    try_valid_xml(written.content, files.DEBITS)
    root: Any = etree.fromstring(written.content)
    space = {"p": f"urn:iso:std:iso:20022:tech:xsd:{files.DEBITS}"}

    def texts(path: str) -> list[str]:
        return [str(one.text) for one in root.xpath(path, namespaces=space)]

    assert texts("//p:GrpHdr/p:MsgId") == ["S-00000001"]
    assert texts("//p:GrpHdr/p:CtrlSum") == ["72.99"]
    assert texts("//p:GrpHdr/p:NbOfTxs") == ["3"]
    assert texts("//p:PmtInf/p:PmtTpInf/p:SeqTp") == ["FRST", "RCUR"]
    assert texts("//p:PmtInf/p:CtrlSum") == ["36.00", "36.99"]
    assert texts("//p:DrctDbtTxInf/p:Dbtr/p:Nm")[0] == "Lukasz Gross"
    assert texts("//p:CdtrSchmeId//p:Othr/p:Id") == ["FR72ZZZ123456"] * 2
    assert written.batches == {
        "J-00000001": "S-00000001-1", "J-00000002": "S-00000001-2", "J-00000003": "S-00000001-2",
    }  # fmt: skip


def test_the_same_orders_are_the_same_file() -> None:
    assert files.debits(SELLER, [_order()]) == files.debits(SELLER, [_order()])
    assert files.transfers(SELLER, [_order()]) == files.transfers(SELLER, [_order()])


def test_transfers_are_accepted_by_their_schema() -> None:
    written = files.transfers(SELLER, [_order(1, bic="COBADEFFXXX"), _order(2)])
    try_valid_xml(written.content, files.TRANSFERS)
    assert b"<Dt>2026-12-31</Dt>" in written.content


@pytest.mark.parametrize(
    "wrong", [{"iban": "nonsense"}, {"umr": "x" * 36}, {"bic": "short"}, {"sequence": "ODD"}]
)
def test_a_file_that_its_schema_refuses_is_never_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidFile, match="The file is no pain"):
        files.debits(SELLER, [_order(**wrong)])


def _report(inner: str) -> bytes:
    about = "<OrgnlGrpInfAndSts><OrgnlMsgId>S-1</OrgnlMsgId>{}</OrgnlGrpInfAndSts>"
    return f"<Document><CstmrPmtStsRpt>{about}{inner}</CstmrPmtStsRpt></Document>".encode()


def test_a_report_names_what_is_refused_and_why() -> None:
    reason = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>"
    one = f"<TxInfAndSts><OrgnlEndToEndId>J-1</OrgnlEndToEndId><TxSts>RJCT</TxSts>{reason}"
    other = "<TxInfAndSts><OrgnlEndToEndId>J-2</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"
    batch = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>S-1-1</OrgnlPmtInfId>{one}</TxInfAndSts>{other}"
    said = status.read(_report(f"{batch}</OrgnlPmtInfAndSts>").replace(b"{}", b""))
    assert said == status.Status("S-1", [status.Refused("S-1-1", "J-1", "AC04")])
    whole = status.read(_report("").replace(b"{}", f"<GrpSts>RJCT</GrpSts>{reason}".encode()))
    assert whole.refused == [status.Refused("", "", "AC04")]


@pytest.mark.parametrize("content", [b"", b"hello", b"<a/>", b"<CstmrPmtStsRpt/>"])
def test_what_is_no_report_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(BadFile):
        status.read(content)


@given(st.integers(0, 400))
def test_a_report_cut_off_anywhere_is_refused_or_whole(cut: int) -> None:
    whole = _report("").replace(b"{}", b"<GrpSts>ACTC</GrpSts>")
    try:
        assert status.read(whole[:cut]).message == "S-1"
    except BadFile:
        assert cut < len(whole)
