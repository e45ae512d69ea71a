"""Read OFX: the older of SGML, whose values are not closed, and the newer of XML."""

import html
import re
from collections.abc import Iterator
from datetime import date

from billing.bank.statement import BadFile, Line, Statement, day_of, minor_of, tidy

_TAG = re.compile(r"<(/?)([A-Z0-9.]{1,40})>([^<\r\n]*)", re.IGNORECASE)
_TOP = re.compile(r"<OFX>", re.IGNORECASE)


def read(content: bytes) -> list[Statement]:
    """Return the statements of a file.

    Raises:
        BadFile: it holds none, or one that is cut off.
    """
    text = _decoded(content)
    if not _TOP.search(text) or "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BadFile("This is no OFX file of a bank.")
    found = [_statement(one) for one in _blocks(text, "STMTRS")]
    if not found:
        raise BadFile("This OFX holds no statement of a bank account.")
    return found


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _blocks(text: str, name: str) -> Iterator[str]:
    pattern = re.compile(rf"<{name}>(.*?)</{name}>", re.IGNORECASE | re.DOTALL)
    return (found.group(1) for found in pattern.finditer(text))


def _values(block: str) -> dict[str, str]:
    """Return the first value of each tag of a block."""
    values: dict[str, str] = {}
    for closes, name, value in _TAG.findall(block):
        if not closes and value.strip():
            values.setdefault(name.upper(), html.unescape(value.strip()))
    return values


def _statement(block: str) -> Statement:
    head = _values(block)
    account = _values(next(_blocks(block, "BANKACCTFROM"), ""))
    ledger = _values(next(_blocks(block, "LEDGERBAL"), ""))
    currency = head.get("CURDEF", "")
    if not account.get("ACCTID") or len(currency) != 3:
        raise BadFile("A statement of this OFX names no account or currency.")
    lines = tuple(_line(one, currency) for one in _blocks(block, "STMTTRN"))
    last = ledger.get("DTASOF") or head.get("DTEND", "")
    return Statement(
        account=_account(account),
        currency=currency,
        number=last[:8],
        opening_minor=None,
        closing_minor=minor_of(ledger["BALAMT"], currency) if "BALAMT" in ledger else None,
        closing_on=_day(last),
        lines=lines,
    )


def _account(named: dict[str, str]) -> str:
    """Return the IBAN, or bank, branch and number as they stand in an IBAN."""
    number = named["ACCTID"].replace(" ", "")
    if re.match(r"[A-Z]{2}\d\d", number):
        return number
    return named.get("BANKID", "") + named.get("BRANCHID", "") + number


def _day(text: str) -> date:
    return day_of(text[:4], text[4:6], text[6:8])


def _line(block: str, currency: str) -> Line:
    values = _values(block)
    if "DTPOSTED" not in values or "TRNAMT" not in values:
        raise BadFile("A movement of this OFX has no day or amount.")
    booked = _day(values["DTPOSTED"])
    return Line(
        booked_on=booked,
        value_on=_day(values["DTAVAIL"]) if "DTAVAIL" in values else booked,
        minor=minor_of(values["TRNAMT"], currency),
        text=tidy(values.get("MEMO", "") or values.get("NAME", "")),
        name=tidy(values.get("NAME", ""), 140),
        reference=tidy(values.get("FITID", ""), 60),
    )
