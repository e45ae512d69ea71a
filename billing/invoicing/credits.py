"""Correct what was issued: credit notes of a part or of the whole, and the invoice issued anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from billing.invoicing import services
from billing.invoicing.issuing import publish
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.numbering import DateBeforeLast
from billing.invoicing.states import Kind, State
from billing.invoicing.taxation import date_of
from billing.ledger import services as ledger
from billing.ledger.lettering import letter_item
from billing.rating import services as rating
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.money import Amount, charge, tax
from erp.base.nudges import announce


class NothingToCredit(DomainError):
    """Nothing of this invoice is left to credit."""

    code = "nothing_to_credit"


class MoreThanLeft(DomainError):
    """This is more than what is left of the line."""

    code = "more_than_left"


class CreditedInPart(DomainError):
    """A part of this invoice is credited already: credit the rest, and bill what is right next."""

    code = "credited_in_part"


@dataclass(frozen=True, slots=True)
class Part:
    """So much of one line: a quantity or a net amount, without signs; all that is left else.

    Args:
        why: printed behind the name of the line.
    """

    position: int
    quantity: Decimal | None = None
    net_minor: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be credited.

    Args:
        key: names this request for ever: the same key is the same credit note.
        why: printed on the credit note.
        parts: of which lines how much; all that is left of every line when empty.
    """

    key: str
    why: str
    parts: Sequence[Part] = ()


@transaction.atomic
def credit(invoice: Invoice, wish: Wish, *, at: datetime, by: str) -> Invoice:
    """Issue a credit note at the tax of the invoice; the same request returns the same one.

    Raises:
        NothingToCredit: it is no issued invoice, or is credited as a whole.
        MoreThanLeft: a part is more than what is left of its line, or all together are.
        DateBeforeLast: the invoice has a later date than today.
    """
    row = _locked(invoice)
    known = Invoice.objects.filter(corrects=row, request_key=wish.key).first()
    if known:
        return known
    if not row.creditable_minor:
        raise NothingToCredit(f"Nothing of {row} is left to credit.")
    if row.issued_on and date_of(row.issuer, at) < row.issued_on:
        raise DateBeforeLast(f"{row} is dated {row.issued_on}: correct it on that day or later.")
    lines = _lines(row, wish.parts)
    note = _create(row, wish, lines, at)
    for line in lines:
        line.invoice = note
    InvoiceLine.objects.bulk_create(lines)
    record(note, State.DRAFT, at=at, by=by, why=wish.why)
    refused = publish([note], at=at, by=by)
    if refused:
        raise refused[note.pk]
    move(note, State.CREDITED, at=at, by=by, why=f"corrects {row.number}")
    record(row, "credited_by", at=at, by=by, why=wish.why, credit_note=note.number)
    _settle(row, note, at=at, by=by)
    return note


@transaction.atomic
def issue_anew(
    invoice: Invoice, *, key: str, why: str, at: datetime, by: str
) -> tuple[Invoice, Invoice]:
    """Credit the whole invoice and issue it again with the facts of today, or neither.

    The lines are those of the same rating run; parties, tax and date are what they are now.

    Raises:
        CreditedInPart: the sum of both would not be what was billed.
        NothingToCredit: see `credit`.
    """
    row = _locked(invoice)
    known = Invoice.objects.filter(replaces=row).first()
    if known:
        return row.credit_notes.latest("pk"), known
    if row.credited_minor:
        raise CreditedInPart
    note = credit(row, Wish(key, why), at=at, by=by)
    drafted = services.draft(row.rating_run, at=at, by=by, replaces=row)
    anew = services.issue(drafted, at=at, by=by)
    rating.mark_reissued(row.rating_run, invoice_number=anew.number)
    return note, anew


def _locked(invoice: Invoice) -> Invoice:
    rows = Invoice.objects.select_for_update(of=("self",))
    return rows.select_related("organisation", "issuer", "contract", "rating_run").get(
        pk=invoice.pk
    )


def _lines(invoice: Invoice, parts: Sequence[Part]) -> list[InvoiceLine]:
    """Return the lines of a credit note, without the note, in the order of the invoice."""
    lines = {one.position: one for one in invoice.lines.select_related("rated_line")}
    taken = left_of(invoice)
    if not parts:
        parts = [Part(position) for position, left in taken.items() if left]
    found = []
    for part in sorted(parts, key=lambda one: one.position):
        if part.position not in lines:
            raise MoreThanLeft(f"{invoice} has no line {part.position}.")
        found.append(_line(lines[part.position], part, taken.pop(part.position, 0)))
    if not found:
        raise NothingToCredit("Choose at least one line to credit.")
    return found


def left_of(invoice: Invoice) -> dict[int, int]:
    """Return how much of each line, by its position, no credit note took back yet."""
    lines = invoice.lines.annotate(credited=Sum("credited_by__net_minor")).order_by("position")
    return {one.position: one.net_minor - (one.credited or 0) for one in lines}


def _line(line: InvoiceLine, part: Part, left: int) -> InvoiceLine:
    sign = -1 if line.net_minor < 0 else 1
    net, quantity = _net(line, part, left, sign), part.quantity
    is_whole = net == left == line.net_minor and quantity is None
    made = InvoiceLine(
        organisation_id=line.organisation_id,
        position=line.position,
        rated_line=line.rated_line,
        description=_described(line, part),
        quantity=line.quantity if is_whole else sign * (quantity or 1),
        unit=line.unit if is_whole or quantity else "",
        unit_price=line.unit_price,
        net_minor=net,
        tax_category=line.tax_category,
        tax_rate=line.tax_rate,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        corrects_number=line.corrects_number,
        credits=line,
    )
    if not (is_whole or quantity):
        made.unit_price = Amount(abs(net), line.invoice.currency).decimal()
    return made


def _described(line: InvoiceLine, part: Part) -> str:
    return f"{line.description}, {part.why}"[:250] if part.why else line.description


def _net(line: InvoiceLine, part: Part, left: int, sign: int) -> int:
    """Return the net amount of a part with the sign of its line.

    Raises:
        MoreThanLeft: names what is left.
    """
    currency = line.invoice.currency
    if part.quantity is not None:
        price = charge(unit_price=line.unit_price, quantity=part.quantity, currency=currency)
        net = sign * price.minor
        # Quantities that were rounded one by one may exceed their sum by one unit.
        net = left if abs(net - left) == 1 and part.quantity <= abs(line.quantity) else net
    else:
        net = left if part.net_minor is None else sign * part.net_minor
    if not 0 < sign * net <= sign * left:
        asked, is_left = Amount(abs(net), currency), Amount(abs(left), currency)
        raise MoreThanLeft(
            f"Line {line.position}, {line.description}: {is_left} is left to credit, not {asked}."
        )
    return net


def _create(invoice: Invoice, wish: Wish, lines: Sequence[InvoiceLine], at: datetime) -> Invoice:
    taxes = [_tax(invoice, row, lines) for row in invoice.taxes]
    taxes = [row for row in taxes if row["net_minor"] or row["tax_minor"]]
    net, due = (sum(row[name] for row in taxes) for name in ("net_minor", "tax_minor"))
    if not 0 < net + due <= invoice.creditable_minor:
        is_left = Amount(invoice.creditable_minor, invoice.currency)
        raise MoreThanLeft(
            f"{invoice} has {is_left} left, not {Amount(net + due, is_left.currency)}."
        )
    return Invoice.objects.create(
        organisation_id=invoice.organisation_id,
        issuer=invoice.issuer,
        contract=invoice.contract,
        rating_run=invoice.rating_run,
        kind=Kind.CREDIT_NOTE,
        corrects=invoice,
        reason=wish.why,
        request_key=wish.key,
        period_start_at=invoice.period_start_at,
        period_end_at=invoice.period_end_at,
        currency=invoice.currency,
        net_minor=net,
        tax_minor=due,
        total_minor=net + due,
        taxes=taxes,
        created_at=at,
        state=State.DRAFT,
        state_since=at,
    )


def _tax(invoice: Invoice, row: Mapping[str, Any], lines: Sequence[InvoiceLine]) -> dict[str, Any]:
    """Return one row of the breakdown: the tax on all that is credited less what was before.

    So the credit notes of a whole invoice add up to its tax, however it was cut.
    """
    key = (row["category"], Decimal(row["rate"]))
    net = sum(one.net_minor for one in lines if (one.tax_category, one.tax_rate) == key)
    before = [
        one
        for taxes in invoice.credit_notes.values_list("taxes", flat=True)
        for one in taxes
        if (one["category"], Decimal(one["rate"])) == key
    ]
    net_before = sum(one["net_minor"] for one in before)
    due = tax(net_before + net, key[1]) - sum(one["tax_minor"] for one in before)
    return {**row, "net_minor": net, "tax_minor": due}


def _settle(invoice: Invoice, note: Invoice, *, at: datetime, by: str) -> None:
    """Move the invoice on when nothing of it is open, and letter what settles itself."""
    invoice.refresh_from_db(fields=["credited_minor"])
    why = f"credit note {note.number}"
    if not invoice.creditable_minor:
        move(invoice, State.CREDITED, at=at, by=by, why=why)
    elif invoice.state == State.ISSUED and invoice.open_minor <= 0:
        move(invoice, State.PAID, at=at, by=by, why=why)
    account = ledger.chart_of(invoice.issuer).receivable(invoice.organisation.reference)
    letter_item(invoice.issuer, account, invoice.number, at=at, by=by)
    # What was paid of it is freed, and pays what replaces it: `billing.payments.excess`.
    announce("invoice.credited", invoice=invoice.pk)
