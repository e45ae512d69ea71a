"""Read camt.053 (statement) and camt.054 (notification) of ISO 20022, whatever their version.

Names are compared without their namespace: versions 02 to 13 differ in little that is read here.
"""

from collections.abc import Iterator
from datetime import date

from billing.bank.statement import BadFile, Line, Statement, day_of, minor_of, tidy
from billing.sepa.iso20022 import Element, all_of, name_of, text_of, tree_of

_HOLDERS = ("Stmt", "Ntfctn")


def read(content: bytes) -> list[Statement]:
    """Return the statements of a file.

    Raises:
        BadFile: it is no such XML, or it brings entities along.
    """
    root = tree_of(content)
    found = [one for one in root.iter() if name_of(one) in _HOLDERS]
    if not found:
        raise BadFile("This XML holds no statement: export camt.053 or camt.054.")
    return [_statement(one) for one in found]


def _statement(holder: Element) -> Statement:
    account = text_of(holder, "Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Id/BBAN")
    opening, closing = _balance(holder, "OPBD", "PRCD"), _balance(holder, "CLBD")
    entries = [one for one in all_of(holder, "Ntry") if _is_booked(one)]
    currency = text_of(holder, "Acct/Ccy") or next(
        (str(amount.get("Ccy")) for one in entries for amount in all_of(one, "Amt")), ""
    )
    lines = tuple(line for one in entries for line in _lines(one, currency))
    last = closing[1] if closing else max((one.booked_on for one in lines), default=None)
    if not account or not currency or last is None:
        raise BadFile("A statement of this file names no account, currency or day.")
    return Statement(
        account=account,
        currency=currency,
        number=tidy(text_of(holder, "ElctrncSeqNb", "LglSeqNb", "Id"), 40),
        opening_minor=opening[0] if opening else None,
        closing_minor=closing[0] if closing else None,
        closing_on=last,
        lines=lines,
    )


def _is_booked(entry: Element) -> bool:
    return text_of(entry, "Sts/Cd", "Sts") in {"BOOK", ""}


def _balance(holder: Element, *kinds: str) -> tuple[int, date] | None:
    for kind in kinds:
        for one in all_of(holder, "Bal"):
            if text_of(one, "Tp/CdOrPrtry/Cd", "Tp/Cd") == kind:
                codes = [str(amount.get("Ccy")) for amount in all_of(one, "Amt")]
                return _signed(one, codes[0] if codes else ""), _day(one, "Dt")
    return None


def _signed(element: Element, currency: str) -> int:
    for amount in all_of(element, "Amt"):
        if amount.get("Ccy") != currency:
            raise BadFile(f"An amount in {amount.get('Ccy')} stands on an account in {currency}.")
    minor = minor_of(text_of(element, "Amt"), currency)
    return minor if text_of(element, "CdtDbtInd") == "CRDT" else -minor


def _day(element: Element, path: str) -> date:
    text = text_of(element, f"{path}/Dt", f"{path}/DtTm")
    year, _, rest = text[:10].partition("-")
    return day_of(year, *rest.partition("-")[::2])


def _lines(entry: Element, currency: str) -> Iterator[Line]:
    """Yield the payments of an entry: those of a sum one by one, where all say their amount."""
    whole = _signed(entry, currency)
    details = all_of(entry, "NtryDtls/TxDtls")
    parts = [_part(one, entry, currency) for one in details]
    if len(details) > 1 and sum(part or 0 for part in parts) == whole and None not in parts:
        for number, (one, part) in enumerate(zip(details, parts, strict=True), 1):
            yield _line(entry, one, part or 0, f"/{number}")
        return
    yield _line(entry, details[0] if len(details) == 1 else None, whole, "")


def _part(detail: Element, entry: Element, currency: str) -> int | None:
    text = text_of(detail, "Amt", "AmtDtls/TxAmt/Amt")
    if not text:
        return None
    side = text_of(detail, "CdtDbtInd") or text_of(entry, "CdtDbtInd")
    return minor_of(text, currency) * (1 if side == "CRDT" else -1)


def _line(entry: Element, detail: Element | None, minor: int, suffix: str) -> Line:
    booked = _day(entry, "BookgDt")
    own = text_of(entry, "AcctSvcrRef") or text_of(entry, "NtryRef")
    has_value = text_of(entry, "ValDt/Dt", "ValDt/DtTm")
    value = _day(entry, "ValDt") if has_value else booked
    batch = tidy(text_of(entry, "NtryDtls/Btch/MsgId", "NtryDtls/Btch/PmtInfId"), 35)
    if detail is None:
        text = tidy(text_of(entry, "AddtlNtryInf"))
        return Line(booked, value, minor, text, reference=tidy(own, 60), batch=batch)
    other = "Dbtr" if minor > 0 else "Cdtr"
    words = [one.text or "" for one in all_of(detail, "RmtInf/Ustrd")]
    words += [one.text or "" for one in all_of(detail, "RmtInf/Strd/CdtrRefInf/Ref")]
    return Line(
        booked_on=booked,
        value_on=value,
        minor=minor,
        text=tidy(
            " ".join(words) or text_of(detail, "AddtlTxInf") or text_of(entry, "AddtlNtryInf")
        ),
        name=tidy(text_of(detail, f"RltdPties/{other}/Nm", f"RltdPties/{other}/Pty/Nm"), 140),
        iban=tidy(text_of(detail, f"RltdPties/{other}Acct/Id/IBAN"), 34),
        reference=tidy(text_of(detail, "Refs/AcctSvcrRef") or (own + suffix if own else ""), 60),
        end_to_end=tidy(text_of(detail, "Refs/EndToEndId"), 35).replace("NOTPROVIDED", ""),
        batch=batch or tidy(text_of(detail, "Refs/MsgId"), 35),
        return_code=tidy(text_of(detail, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"), 4),
    )
