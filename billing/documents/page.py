"""The page of a document: every printed text made here, so that the template only places them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import segno
from django.template.loader import render_to_string
from segno.helpers import make_epc_qr

from billing.documents.formats import Formats
from billing.documents.labels import amount_of, days, due_by, labels_in, lines_in
from billing.documents.rollup import Row, file_name, is_long, rows_of
from billing.documents.rules import OUTSIDE
from billing.documents.snapshot import Kind, Line, Party, Snapshot
from billing.documents.units import name_of

TEMPLATE = "documents/invoice.html"
# Beyond this the EPC code cannot name the amount (EPC069-12).
_MOST_BY_QR_MINOR = 99_999_999_999

# The code may leave the BIC out, and refuses what is none.
_BIC_LENGTHS = (8, 11)


def html_of(snapshot: Snapshot) -> str:
    """Return the page of a document as HTML."""
    return render_to_string(TEMPLATE, context_of(snapshot))


def context_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the template places: texts, already in the document's language."""
    formats = Formats(snapshot.language, snapshot.currency, snapshot.exponent)
    label = labels_in(snapshot.language)
    kind = "invoice" if snapshot.kind == Kind.INVOICE else "credit_note"
    return {
        "label": label,
        "language": snapshot.language,
        "title": label[kind],
        "number": snapshot.number,
        "headline": _headline(snapshot, formats, label),
        "facts": _facts(snapshot, formats, label),
        "seller": _party(snapshot.seller, formats, label),
        "buyer": _party(snapshot.buyer, formats, label),
        "lines": _lines(snapshot, formats),
        "taxes": _taxes(snapshot, formats),
        "totals": _totals(snapshot, formats, label),
        "payment": _payment(snapshot),
        "notes": [note.text for note in snapshot.notes],
        "look": snapshot.look,
    }


def _headline(snapshot: Snapshot, formats: Formats, label: dict[str, str]) -> str:
    due = formats.money(snapshot.totals.due_minor)
    if snapshot.kind == Kind.INVOICE and snapshot.totals.due_minor > 0:
        return due_by(snapshot.language, amount=due, day=formats.day(snapshot.due_on))
    name = "credited" if snapshot.kind == Kind.CREDIT_NOTE else "due"
    return amount_of(snapshot.language, label=label[name], amount=due)


def _facts(snapshot: Snapshot, formats: Formats, label: dict[str, str]) -> list[tuple[str, str]]:
    """Return what stands beside the title: numbers and dates, each with its label."""
    facts = {"number": snapshot.number, "issued_on": formats.day(snapshot.issued_on)}
    if snapshot.kind == Kind.INVOICE:
        facts["due_on"] = formats.day(snapshot.due_on)
    if snapshot.period_start_on and snapshot.period_end_on:
        first, last = formats.day(snapshot.period_start_on), formats.day(snapshot.period_end_on)
        facts["period"] = days(snapshot.language, first=first, last=last)
    facts["corrects"] = snapshot.preceding_number
    if snapshot.preceding_issued_on:
        facts["corrects"] += f", {formats.day(snapshot.preceding_issued_on)}"
    facts["contract"] = snapshot.contract
    facts["buyer_reference"] = snapshot.buyer_reference
    return [(label[name], text) for name, text in facts.items() if text]


def _party(party: Party, formats: Formats, label: dict[str, str]) -> dict[str, Any]:
    town = " ".join(part for part in (party.postcode, party.city) if part)
    ids = []
    if party.legal_id:
        name = "siren" if party.legal_id_scheme == "0002" else "legal_id"
        ids.append((label[name], party.legal_id))
    if party.vat_number:
        ids.append((label["vat_number"], party.vat_number))
    address = [part for part in (*party.address, town, formats.country(party.country)) if part]
    return {"name": party.name, "address": address, "ids": ids, "email": party.email}


def _lines(snapshot: Snapshot, formats: Formats) -> list[dict[str, str]]:
    if not is_long(snapshot):
        return [_line(line, formats) for line in snapshot.lines]
    name = file_name(snapshot)
    return [_row(row, formats, name) for row in rows_of(snapshot.lines)]


def _row(row: Row, formats: Formats, file: str) -> dict[str, str]:
    """Return many lines of one charge as one, which names the file that holds them."""
    first, last = row.period
    line = replace(
        row.first,
        name=row.name,
        net_minor=row.net_minor,
        quantity=row.quantity or Decimal(0),
        period_start_on=first,
        period_end_on=last,
        evidence=lines_in(formats.language, count=formats.number(len(row.lines)), file=file),
    )
    written = _line(line, formats)
    if row.quantity is None:
        written |= {"quantity": "", "unit": ""}
    if row.unit_price is None:
        written["price"] = ""
    return written


def _line(line: Line, formats: Formats) -> dict[str, str]:
    unit = line.unit_label or name_of(line.unit, formats.language, line.quantity)
    period = ""
    if line.period_start_on and line.period_end_on:
        first = formats.short_day(line.period_start_on)
        period = days(formats.language, first=first, last=formats.short_day(line.period_end_on))
    return {
        "name": line.name,
        "description": line.description,
        "small": " · ".join(part for part in (period, line.evidence) if part),
        "quantity": formats.number(line.quantity),
        "unit": unit,
        "price": formats.price(line.unit_price),
        "rate": "" if line.tax_category == OUTSIDE else f"{formats.number(line.tax_rate)} %",
        "net": formats.amount(line.net_minor),
    }


def _taxes(snapshot: Snapshot, formats: Formats) -> list[dict[str, str]]:
    return [
        {
            "rate": "" if tax.category == OUTSIDE else f"{formats.number(tax.rate)} %",
            "reason": tax.exemption_reason,
            "basis": formats.amount(tax.basis_minor),
            "tax": formats.amount(tax.tax_minor),
        }
        for tax in snapshot.taxes
    ]


def _totals(snapshot: Snapshot, formats: Formats, label: dict[str, str]) -> list[dict[str, Any]]:
    """Return the sums from net to due; what was paid only where something was."""
    totals = snapshot.totals
    rows = [
        ("subtotal", totals.net_minor),
        ("tax", totals.tax_minor),
        ("total", totals.total_minor),
    ]
    if totals.paid_minor:
        rows.append(("paid", -totals.paid_minor))
    rows.append(("due" if snapshot.kind == Kind.INVOICE else "credited", totals.due_minor))
    last = len(rows) - 1
    return [
        {"label": label[name], "amount": formats.money(minor), "last": at == last}
        for at, (name, minor) in enumerate(rows)
    ]


def _payment(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return where to pay; nothing for a credit note, or where nothing is due."""
    seller = snapshot.seller
    if snapshot.kind != Kind.INVOICE or snapshot.totals.due_minor <= 0 or not seller.iban:
        return None
    iban = seller.iban.replace(" ", "")
    return {
        "payee": seller.name,
        "iban": " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)),
        "bic": seller.bic,
        "reference": snapshot.payment_reference or snapshot.number,
        "qr": _qr(snapshot, iban),
    }


def _qr(snapshot: Snapshot, iban: str) -> dict[str, Any] | None:
    """Return the code that a bank's app reads (EPC069-12): euro only."""
    if snapshot.currency != "EUR" or snapshot.totals.due_minor > _MOST_BY_QR_MINOR:
        return None
    code = make_epc_qr(
        name=snapshot.seller.name[:70],
        iban=iban,
        amount=Decimal(snapshot.totals.due_minor).scaleb(-snapshot.exponent),
        text=snapshot.payment_reference or snapshot.number,
        bic=snapshot.seller.bic if len(snapshot.seller.bic) in _BIC_LENGTHS else None,
    )
    return {"path": _path(code), "size": code.symbol_size(border=0)[0]}


def _path(code: segno.QRCode) -> str:
    """Return the dark squares as one SVG path, a stroke of squares at a time."""
    drawn = []
    for y, row in enumerate(code.matrix):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                drawn.append(f"M{x} {y}h{end - x}v1H{x}z")
            x = end + 1
    return "".join(drawn)
