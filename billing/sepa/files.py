"""Write files for the bank: pain.008 and pain.001, never one that its schema refuses. No database.

The library builds the XML; identifiers and the moment are ours, so that the same run is the same
file. Texts are in the letters that every bank takes (EPC217-08).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sepaxml
from lxml import etree

from erp.base.errors import DomainError

DEBITS, TRANSFERS = "pain.008.001.08", "pain.001.001.09"
_SCHEMAS = Path(sepaxml.__file__).parent / "schemas"
_ALLOWED = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l",
            "Ł": "L", "đ": "d", "Đ": "D", "þ": "th", "ð": "d", "€": "EUR", "&": "+"}  # fmt: skip


class InvalidFile(DomainError):
    """A bank would refuse this file: correct what is named, then make it again."""

    code = "invalid_sepa_file"
    status = 422


@dataclass(frozen=True, slots=True)
class Header:
    """Whose file it is, and what it is called."""

    message: str
    made_at: datetime
    name: str
    iban: str
    bic: str
    creditor_id: str = ""
    scheme: str = "CORE"


@dataclass(frozen=True, slots=True)
class Order:
    """One debit or transfer: the mandate's facts are of a debit."""

    end_to_end: str
    minor: int
    on: date
    name: str
    iban: str
    bic: str
    text: str
    sequence: str = ""
    umr: str = ""
    signed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A file that its schema accepts, and in which batch of it each order stands."""

    content: bytes
    batches: Mapping[str, str]


def latin(text: str, most: int) -> str:
    """Return a text in the letters that every bank takes, at most so long."""
    plain = unicodedata.normalize("NFKD", "".join(_LETTERS.get(sign, sign) for sign in text))
    kept = (sign if sign in _ALLOWED else " " for sign in plain if not unicodedata.combining(sign))
    return " ".join("".join(kept).split())[:most]


def debits(header: Header, orders: Sequence[Order]) -> Written:
    """Return a pain.008 that collects these.

    Raises:
        InvalidFile: the schema refuses it; says where.
    """
    config = _config(header) | {"creditor_id": header.creditor_id, "instrument": header.scheme}
    file = sepaxml.SepaDD(config, schema=DEBITS, clean=False)
    for one in orders:
        facts = {
            "collection_date": one.on,
            "type": one.sequence,
            "mandate_id": one.umr,
            "mandate_date": one.signed_on,
        }
        file.add_payment(_payment(one) | facts)
    return _finish(file, header, DEBITS)


def transfers(header: Header, orders: Sequence[Order]) -> Written:
    """Return a pain.001 that pays these; raises as `debits` does."""
    file = sepaxml.SepaTransfer(_config(header), schema=TRANSFERS, clean=False)
    for one in orders:
        file.add_payment(_payment(one) | {"execution_date": one.on})
    return _finish(file, header, TRANSFERS)


def _config(header: Header) -> dict[str, Any]:
    found = {"name": latin(header.name, 70), "IBAN": header.iban, "batch": True, "currency": "EUR"}
    return found | ({"BIC": header.bic} if header.bic else {})


def _payment(one: Order) -> dict[str, Any]:
    found = {
        "name": latin(one.name, 70),
        "IBAN": one.iban,
        "amount": one.minor,
        "description": latin(one.text, 140),
        "endtoend_id": one.end_to_end,
    }
    return found | ({"BIC": one.bic} if one.bic else {})


def _finish(file: Any, header: Header, schema: str) -> Written:
    root: Any = etree.fromstring(file.export(validate=False))
    space = {"p": f"urn:iso:std:iso:20022:tech:xsd:{schema}"}
    _write(root, "//p:GrpHdr/p:MsgId", space, header.message)
    _write(root, "//p:GrpHdr/p:CreDtTm", space, f"{header.made_at:%Y-%m-%dT%H:%M:%S}")
    batches: dict[str, str] = {}
    for number, batch in enumerate(root.xpath("//p:PmtInf", namespaces=space), 1):
        name = f"{header.message}-{number}"
        _write(batch, "p:PmtInfId", space, name)
        for one in batch.xpath(".//p:EndToEndId", namespaces=space):
            batches[str(one.text)] = name
    _check(root, schema)
    return Written(etree.tostring(root, xml_declaration=True, encoding="UTF-8"), batches)


def _write(element: Any, path: str, space: dict[str, str], text: str) -> None:
    (found,) = element.xpath(path, namespaces=space)
    found.text = text


def _check(root: Any, schema: str) -> None:
    rules = etree.XMLSchema(etree.parse(str(_SCHEMAS / f"{schema}.xsd")))
    if not rules.validate(root):
        found: Any = rules.error_log
        raise InvalidFile(f"The file is no {schema}: {found[0].message[:300]}")
