"""From rated lines to drafts, many at once; nothing is stored before `keep`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind, State
from billing.invoicing.tax import Decision
from billing.invoicing.taxation import Decisions, taxes_of
from billing.invoicing.totals import Totals, totals
from billing.rating.models import BilledWindow, RatedLine, RatingRun
from billing.rating.services import Rated
from erp.base.errors import DomainError
from erp.base.inserts import insert
from erp.base.journal import line_about, record_all


class PeriodTaken(DomainError):
    """Another invoice of this contract covers a part of this period."""

    code = "period_taken"


class NothingOwed(DomainError):
    """The total is below zero: that is a credit note, not an invoice."""

    code = "nothing_owed"


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice with its lines, which `keep` stores when it is new."""

    invoice: Invoice
    lines: Sequence[InvoiceLine]


def draft_all(
    rated: Mapping[int, Rated], *, at: datetime, replaces: Invoice | None = None
) -> dict[int, Draft | DomainError]:
    """Return the drafts of rating runs by their contracts; a refusal stops no other.

    A run has one invoice that stands: where it has it already, that is the answer.

    Args:
        replaces: the invoice of the same run that was credited as a whole.
    """
    known = _standing([one.run for one in rated.values()])
    parties = {(one.run.contract.seller, one.run.contract.organisation) for one in rated.values()}
    decisions = taxes_of(parties, at)
    numbers = _corrected_numbers(line for one in rated.values() for line in one.lines)
    found: dict[int, Draft | DomainError] = {}
    for contract, one in rated.items():
        if one.run.pk in known:
            found[contract] = Draft(known[one.run.pk], [])
            continue
        try:
            invoice, decision = _invoice(one, decisions, at, replaces)
        except DomainError as refusal:
            found[contract] = refusal
        else:
            lines = [_line(invoice, line, decision, numbers) for line in one.lines]
            found[contract] = Draft(invoice, lines)
    return found


def keep(drafts: Collection[Draft], *, at: datetime, by: str) -> None:
    """Store what is new of some drafts, with their lines and a line in the journal each.

    Raises:
        PeriodTaken: another invoice of the contract covers a part of the period of a draft.
    """
    new = [one for one in drafts if one.invoice.pk is None]
    try:
        with transaction.atomic():
            insert([one.invoice for one in new])
    except IntegrityError as error:
        names = ", ".join(f"{one.invoice.contract}, {one.invoice.rating_run.period}" for one in new)
        raise PeriodTaken(f"There is an invoice for a part of this period: {names}.") from error
    insert([line for one in new for line in one.lines])
    record_all(
        line_about(
            one.invoice,
            State.DRAFT,
            at=at,
            by=by,
            why=f"rating run {one.invoice.rating_run.reference}",
        )
        for one in new
    )


def _standing(runs: Iterable[RatingRun]) -> dict[int | None, Invoice]:
    stored = [one.pk for one in runs if one.pk is not None]
    if not stored:
        return {}
    invoices = Invoice.objects.filter(rating_run__in=stored, kind=Kind.INVOICE)
    standing = invoices.exclude(state__in=[State.DISCARDED, State.CREDITED])
    return {one.rating_run_id: one for one in standing.order_by("-pk")}


def _corrected_numbers(lines: Iterable[RatedLine]) -> dict[int | None, str]:
    """Return the numbers of the invoices that some lines correct."""
    corrected = {line.corrects_id for line in lines if line.corrects_id}
    if not corrected:
        return {}
    billed = BilledWindow.objects.filter(rated_line__in=corrected)
    return dict(billed.values_list("rated_line", "invoice_number"))


def _invoice(
    rated: Rated, decisions: Decisions, at: datetime, replaces: Invoice | None
) -> tuple[Invoice, Decision]:
    contract = rated.run.contract
    decision = decisions[contract.seller_id, contract.organisation_id]
    if isinstance(decision, DomainError):
        raise decision
    sums = totals((line.minor for line in rated.lines), decision)
    if sums.total_minor < 0:
        raise NothingOwed
    return _create(rated.run, sums, at, replaces), decision


def _create(run: RatingRun, sums: Totals, at: datetime, replaces: Invoice | None) -> Invoice:
    contract = run.contract
    return Invoice(
        organisation_id=contract.organisation_id,
        issuer_id=contract.seller_id,
        contract=contract,
        rating_run=run,
        kind=Kind.INVOICE,
        replaces=replaces,
        period_start_at=run.starts_at,
        period_end_at=run.ends_at,
        currency=contract.currency,
        net_minor=sums.net_minor,
        tax_minor=sums.tax_minor,
        total_minor=sums.total_minor,
        taxes=sums.taxes,
        created_at=at,
        state=State.DRAFT,
        state_since=at,
    )


def _line(
    invoice: Invoice, rated: RatedLine, decision: Decision, numbers: Mapping[int | None, str]
) -> InvoiceLine:
    return InvoiceLine(
        organisation_id=invoice.organisation_id,
        invoice=invoice,
        position=rated.position,
        rated_line=rated,
        description=rated.description,
        quantity=rated.quantity,
        unit=rated.unit,
        unit_price=rated.unit_price,
        net_minor=rated.minor,
        tax_category=decision.category,
        tax_rate=decision.rate,
        starts_at=rated.starts_at,
        ends_at=rated.ends_at,
        corrects_number=numbers.get(rated.corrects_id, ""),
    )
