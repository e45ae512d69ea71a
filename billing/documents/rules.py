"""What must hold inside one document, in the words of the rule that asks for it.

Source: EN 16931-1, BR-CO-10, 13, 14, 15, 16, 17; BR-27; the category rules BR-S to BR-O
"""

import re
from collections import defaultdict
from dataclasses import is_dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

from billing.documents.frozen_json import names_in
from erp.base.errors import DomainError

if TYPE_CHECKING:
    from billing.documents.snapshot import Line, Snapshot, Tax

INVOICE = "380"

LANGUAGES = ("en", "fr", "de")
TAXED, ZERO, OUTSIDE = "S", "Z", "O"
CATEGORIES = (TAXED, ZERO, "E", "AE", "G", OUTSIDE)
MOST_DECIMALS = 9
MOST_LINES = 20_000
# Room for a quantity of 24 digits times a price of 20: nothing is lost before the one rounding.
EXACT = Context(prec=80, rounding=ROUND_HALF_UP)
# What XML 1.0 cannot carry (production 2), apart from surrogates.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Inconsistent(DomainError):
    """The document contradicts itself."""

    code = "inconsistent_document"


def check(snapshot: "Snapshot") -> None:
    """Refuse what does not add up.

    Raises:
        Inconsistent: names the rule and both values.
    """
    for check_one in _CHECKS:
        check_one(snapshot)


def writable(text: str) -> str:
    """Return a text with a question mark for each character that no document can carry."""
    return _UNWRITABLE.sub("?", text)


def rounded_minor(exact: Decimal) -> int:
    """Round minor units half up, away from zero, without losing digits before."""
    return int(exact.to_integral_value(rounding=ROUND_HALF_UP, context=EXACT))


def exact_minor(line: "Line", exponent: int) -> Decimal:
    """Return price × quantity in minor units, before rounding."""
    return EXACT.scaleb(EXACT.multiply(line.unit_price, line.quantity), exponent)


def tax_minor(basis_minor: int, rate: Decimal) -> int:
    """Return the tax of one rate on its whole basis (BR-CO-17)."""
    return rounded_minor(EXACT.multiply(Decimal(basis_minor), rate).scaleb(-2, context=EXACT))


def _check_head(snapshot: "Snapshot") -> None:
    _hold(snapshot.language in LANGUAGES, f"language {snapshot.language!r} is not one we print")
    _hold(re.fullmatch(r"[A-Z]{3}", snapshot.currency), f"currency {snapshot.currency!r}")
    _hold(0 <= snapshot.exponent <= 4, f"{snapshot.currency} with {snapshot.exponent} decimals")
    _hold(re.fullmatch(r"\S{1,20}", snapshot.number), f"number {snapshot.number!r}")
    _hold(snapshot.due_on >= snapshot.issued_on, "BR-CO-25: due before it was issued")
    _hold(
        snapshot.kind == INVOICE or snapshot.preceding_number,
        "BG-3: a credit note names the invoice that it corrects",
    )
    for party in (snapshot.seller, snapshot.buyer):
        _hold(party.name.strip(), "BR-06, BR-07: a party has no name")
        _hold(re.fullmatch(r"[A-Z]{2}", party.country), f"{party.name}: country {party.country!r}")
        _hold(len(party.address) <= 3, f"{party.name}: more than three address lines")
    _check_period(snapshot.period_start_on, snapshot.period_end_on, "the document")


def _check_period(start: date | None, end: date | None, what: str) -> None:
    _hold((start is None) == (end is None), f"{what} has half a period")
    if start and end:
        _hold(start <= end, f"BR-29, BR-30: the period of {what} ends before it starts")


def _check_texts(snapshot: "Snapshot") -> None:
    texts: list[str] = []
    _gather(snapshot, texts)
    for text in texts if _UNWRITABLE.search("".join(texts)) else ():
        found = _UNWRITABLE.search(text)
        _hold(not found, f"{text[:40]!r} holds a character that no document can carry")


def _gather(value: Any, texts: list[str]) -> None:
    """Add every text inside a value to the list."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, tuple):
        for one in value:
            _gather(one, texts)
    elif is_dataclass(value):
        for name in names_in(value):
            _gather(getattr(value, name), texts)


def _check_lines(snapshot: "Snapshot") -> None:
    lines = snapshot.lines
    _hold(lines, "BR-16: a document has at least one line")
    _hold(len(lines) <= MOST_LINES, f"{len(lines)} lines are more than {MOST_LINES}")
    _hold(len({line.position for line in lines}) == len(lines), "two lines share a position")
    for line in lines:
        _check_line(line, snapshot.exponent)


def _check_line(line: "Line", exponent: int) -> None:
    what = f"line {line.position}"
    _hold(line.position and line.name.strip(), f"BR-21, BR-25: {what} has no position or name")
    _hold(line.quantity.is_finite() and line.unit_price.is_finite(), f"{what}: not a number")
    _hold(line.unit_price >= 0, f"BR-27: {what} has a negative price; make the quantity negative")
    for value in (line.unit_price, line.quantity):
        decimals = -int(value.normalize(EXACT).as_tuple().exponent)
        _hold(decimals <= MOST_DECIMALS, f"{what}: {value} has more than {MOST_DECIMALS} decimals")
    _check_category(line.tax_category, line.tax_rate, what)
    _check_period(line.period_start_on, line.period_end_on, what)
    # A correction is the difference of two rounded amounts: it may stand one unit aside.
    aside = abs(exact_minor(line, exponent) - line.net_minor)
    _hold(aside <= 1, f"{what}: {line.quantity} × {line.unit_price} is not {line.net_minor} minor")


def _check_category(category: str, rate: Decimal, what: str) -> None:
    _hold(category in CATEGORIES, f"{what}: tax category {category!r} is unknown")
    _hold(rate.is_finite() and rate >= 0, f"{what}: tax rate {rate}")
    _hold((rate > 0) == (category == TAXED), f"{what}: category {category} at {rate} %")


def _check_taxes(snapshot: "Snapshot") -> None:
    bases: dict[tuple[str, Decimal], int] = defaultdict(int)
    for line in snapshot.lines:
        bases[line.tax_category, line.tax_rate] += line.net_minor
    found = {(tax.category, tax.rate): tax for tax in snapshot.taxes}
    _hold(len(found) == len(snapshot.taxes), "BG-23: a category and rate stands twice")
    _hold(found.keys() == bases.keys(), "BR-S-08: tax breakdown and lines differ in their rates")
    alone = len({category for category, _ in bases}) == 1
    _hold(alone or not any(category == OUTSIDE for category, _ in bases), "BR-O-11: O stands alone")
    for key, tax in found.items():
        _check_tax(tax, bases[key], aside=snapshot.kind != INVOICE)


def _check_tax(tax: "Tax", basis_minor: int, *, aside: bool) -> None:
    """Check one row; credit notes add up to the invoice's tax, so one may stand one unit aside."""
    what = f"{tax.category} at {tax.rate} %"
    _hold(
        tax.basis_minor == basis_minor,
        f"BR-S-08: the basis of {what} is {tax.basis_minor}, its lines sum to {basis_minor}",
    )
    due = tax_minor(tax.basis_minor, tax.rate)
    _hold(
        abs(tax.tax_minor - due) <= aside,
        f"BR-CO-17: the tax of {what} is {tax.tax_minor}, not {due}",
    )
    needs_reason = tax.category not in (TAXED, ZERO)
    has_reason = bool(tax.exemption_reason or tax.exemption_code)
    _hold(needs_reason == has_reason, f"BR-E-10, BR-S-10: reason for no tax, {what}")


def _check_seller(snapshot: "Snapshot") -> None:
    """Refuse a seller whom no rule of the norm accepts: once frozen it could not be mended."""
    name = snapshot.seller.name
    if any(tax.category == OUTSIDE for tax in snapshot.taxes):
        _hold(snapshot.seller.legal_id, f"BR-CO-26: {name} has no registration number: add it")
    else:
        _hold(snapshot.seller.vat_number, f"BR-S-02: {name} has no VAT number: add it")


def _check_totals(snapshot: "Snapshot") -> None:
    totals = snapshot.totals
    net = sum(line.net_minor for line in snapshot.lines)
    _hold(totals.net_minor == net, f"BR-CO-10: net {totals.net_minor}, lines sum to {net}")
    tax = sum(one.tax_minor for one in snapshot.taxes)
    _hold(totals.tax_minor == tax, f"BR-CO-14: tax {totals.tax_minor}, breakdown sums to {tax}")
    total = totals.net_minor + totals.tax_minor
    _hold(totals.total_minor == total, f"BR-CO-15: total {totals.total_minor} is not {total}")
    due = totals.total_minor - totals.paid_minor
    _hold(totals.due_minor == due, f"BR-CO-16: due {totals.due_minor} is not {due}")


_CHECKS = (_check_head, _check_texts, _check_lines, _check_taxes, _check_seller, _check_totals)


def _hold(holds: object, message: str) -> None:
    if not holds:
        raise Inconsistent(f"{message[:1].upper()}{message[1:]}.")
