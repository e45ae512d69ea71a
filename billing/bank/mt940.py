"""Read MT940 (SWIFT), with the German and the Dutch way of writing what field 86 says."""

import re
from collections.abc import Iterator

from billing.bank.statement import BadFile, Line, Statement, day_of, minor_of, tidy

_FIELD = re.compile(r"^:(\d{2}[A-Z]?):", re.MULTILINE)
_BALANCE = re.compile(r"([CD])(\d\d)(\d\d)(\d\d)([A-Z]{3})([\d,]{1,16})")
_LINE = re.compile(
    r"(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(R?[CD])[A-Z]?([\d,]{1,16})[A-Z][A-Z0-9]{3}"
    r"([^\n/]*(?:/(?!/)[^\n/]*)*)(?://([^\n]*))?"
)
_GERMAN = re.compile(r"\?(\d\d)([^?]*)")
_SLASHED = re.compile(
    r"/(EREF|REMI|NAME|IBAN|BIC|TRTP|CSID|RTRN|MARF|BENM|ORDP|USTD|PREF|ISDT|CNTP|PURP)/"
)
_SEPA = re.compile(r"(EREF|KREF|MREF|CRED|SVWZ|ABWA|IBAN|BIC)\+")
_PURPOSE = {f"{number}" for number in (*range(20, 30), *range(60, 64))}
_CODE = re.compile(r"\b((?:AC|AM|MD|MS|RR|SL|FF|BE|DT|FOCR|RC|AG|TM)\d\d)\b")
_RETURNED = re.compile(r"RETOURE|R[ÜU]CKLAST|RETURN|RTRN|REJET|R[ÜU]CKBUCH", re.IGNORECASE)


def read(content: bytes) -> list[Statement]:
    """Return the statements of a file.

    Raises:
        BadFile: what is needed is missing.
    """
    text = _decoded(content).replace("\r\n", "\n").replace("\r", "\n")
    marks = list(_FIELD.finditer(text))
    ends = [one.start() for one in marks[1:]] + [len(text)]
    fields = [
        (one.group(1), text[one.end() : end].split("\n-")[0].rstrip("\n"))
        for one, end in zip(marks, ends, strict=True)
    ]
    starts = [at for at, (tag, _) in enumerate(fields) if tag == "20"]
    if not starts:
        raise BadFile("This is no MT940: field 20 is missing.")
    stops = [*starts[1:], len(fields)]
    return [_statement(fields[a:b]) for a, b in zip(starts, stops, strict=True)]


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _statement(fields: list[tuple[str, str]]) -> Statement:
    values = dict(fields)
    opening = _BALANCE.match(values.get("60F", values.get("60M", "")))
    closing = _BALANCE.match(values.get("62F", values.get("62M", "")))
    if opening is None or closing is None or "25" not in values:
        raise BadFile("A statement of this MT940 has no account (25) or balances (60, 62).")
    currency = opening.group(5)
    return Statement(
        account=_account(values["25"]),
        currency=currency,
        number=tidy(values.get("28C", values["20"]), 40),
        opening_minor=_minor(opening.group(1), opening.group(6), currency),
        closing_minor=_minor(closing.group(1), closing.group(6), closing.group(5)),
        closing_on=day_of(*closing.group(2, 3, 4)),
        lines=tuple(_lines(fields, currency)),
    )


def _account(text: str) -> str:
    """Return the IBAN, or German bank code and account as they stand in an IBAN."""
    plain = tidy(text, 35).replace(" ", "")
    bank, slash, number = plain.partition("/")
    digits = re.sub(r"\D", "", number)
    is_german = bool(slash) and bank.isdigit() and len(bank) == 8
    return bank + digits.zfill(10) if is_german else re.sub(r"[A-Z]{3}$", "", plain)


def _minor(side: str, amount: str, currency: str) -> int:
    minor = minor_of(amount, currency)
    return minor if side in {"C", "RD"} else -minor


def _lines(fields: list[tuple[str, str]], currency: str) -> Iterator[Line]:
    for at, (tag, value) in enumerate(fields):
        if tag == "61":
            following = fields[at + 1] if at + 1 < len(fields) else ("", "")
            yield _line(value, following[1] if following[0] == "86" else "", currency)


def _line(value: str, told: str, currency: str) -> Line:
    found = _LINE.match(value)
    if found is None:
        raise BadFile(f"A movement cannot be read: {tidy(value, 60)}")
    year, month, day, month_booked, day_booked, side, amount, theirs, own = found.groups()
    value_on = day_of(year, month, day)
    booked = day_of(year, month_booked, day_booked) if day_booked else value_on
    # A movement of 31 December that is booked in January says no year.
    if (booked - value_on).days < -180:
        booked = booked.replace(year=booked.year + 1)
    facts = _told(told)
    whole = " ".join(told.split())
    code = _CODE.search(whole) if _RETURNED.search(whole) else None
    return Line(
        booked_on=booked,
        value_on=value_on,
        minor=_minor(side, amount, currency),
        text=tidy(facts.get("text", "")) or tidy(theirs),
        name=tidy(facts.get("name", ""), 140),
        iban=tidy(facts.get("iban", ""), 34).replace(" ", ""),
        reference=tidy(own or "", 60),
        end_to_end=tidy(facts.get("eref", ""), 35).replace("NOTPROVIDED", ""),
        return_code=code.group(1) if code else "",
    )


def _told(text: str) -> dict[str, str]:
    """Return text, name, iban and eref from field 86, however it is written."""
    flat = text.replace("\n", "")
    german = _GERMAN.findall(flat)
    if german:
        return _german(german)
    if _SLASHED.search(flat):
        parts = _SLASHED.split(flat)
        named = dict(zip(parts[1::2], parts[2::2], strict=True))
        words = re.sub(r"^(/?USTD/+|/+)", "", named.get("REMI", named.get("USTD", "")))
        return {
            "text": words or flat, "name": named.get("NAME", ""),
            "iban": named.get("IBAN", ""), "eref": named.get("EREF", ""),
        }  # fmt: skip
    return {"text": " ".join(text.split())}


def _german(parts: list[tuple[str, str]]) -> dict[str, str]:
    values = dict(parts)
    purpose = "".join(value for key, value in parts if key in _PURPOSE)
    pieces = _SEPA.split(purpose)
    named = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    return {
        "text": named.get("SVWZ", purpose if not named else pieces[0]),
        "name": values.get("32", "") + values.get("33", ""),
        "iban": values.get("31", named.get("IBAN", "")),
        "eref": named.get("EREF", ""),
    }
