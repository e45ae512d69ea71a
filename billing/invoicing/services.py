"""Draft, issue and discard invoices."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from billing.documents import services as documents
from billing.invoicing import notices, numbering
from billing.invoicing.booking import book
from billing.invoicing.freeze import snapshot_of
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind, State
from billing.invoicing.tax import Decision, Evidence, Party, decide, needs_evidence
from billing.invoicing.totals import Totals, totals
from billing.rating import services as rating
from billing.rating.models import RatedLine, RatingRun
from billing.vat import queries as vat
from billing.vat.states import State as Vat
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.customers.models import Organisation

PREFIXES = {Kind.INVOICE: "F", Kind.CREDIT_NOTE: "A"}


class PeriodTaken(DomainError):
    """Another invoice of this contract covers a part of this period."""

    code = "period_taken"


class DraftOutdated(DomainError):
    """The tax of this draft is not what it would be today: discard it and run again."""

    code = "draft_outdated"


class NotIssued(DomainError):
    """The invoice is a draft: it has no document yet."""

    code = "not_issued"


class NothingOwed(DomainError):
    """The total is below zero: that is a credit note, not an invoice."""

    code = "nothing_owed"


@transaction.atomic
def draft(run: RatingRun, *, at: datetime, by: str, replaces: Invoice | None = None) -> Invoice:
    """Make the draft of a rating run; the same run has one invoice that stands.

    Args:
        replaces: the invoice of the same run that was credited as a whole.

    Raises:
        NotConfirmed: see `tax_of`.
        PeriodTaken: another invoice of the contract covers a part of the period.
        NothingOwed: the lines sum to less than zero.
    """
    invoices = Invoice.objects.filter(rating_run=run, kind=Kind.INVOICE)
    known = invoices.exclude(state__in=[State.DISCARDED, State.CREDITED]).first()
    if known:
        return known
    lines = list(run.lines.select_related("corrects__billed"))
    contract = run.contract
    decision = tax_of(contract.seller, contract.organisation, at)
    sums = totals((line.minor for line in lines), decision)
    if sums.total_minor < 0:
        raise NothingOwed
    try:
        with transaction.atomic():
            invoice = _create(run, sums, at, replaces)
    except IntegrityError as error:
        raise PeriodTaken(f"{contract} has an invoice for a part of {run.period}.") from error
    InvoiceLine.objects.bulk_create(_line(invoice, line, decision) for line in lines)
    record(invoice, State.DRAFT, at=at, by=by, why=f"rating run {run.reference}")
    return invoice


def tax_of(seller: Organisation, buyer: Organisation, at: datetime) -> Decision:
    """Return the tax between two organisations at a moment, on the seller's day.

    Raises:
        NotConfirmed: it hangs on a VAT number that the register did not answer about.
    """
    parties = {
        "seller": Party(seller.country, seller.vat_number),
        "buyer": Party(buyer.country, buyer.vat_number),
    }
    known = _evidence(buyer, at) if needs_evidence(**parties) else None
    return decide(**parties, on=date_of(seller, at), evidence=known)


def _evidence(buyer: Organisation, at: datetime) -> Evidence | None:
    check = vat.latest(buyer, at=at)
    if check is None or check.answered_at is None:
        return None
    on = check.answered_at.date().isoformat()
    if check.state == Vat.CONFIRMED:
        return Evidence(True, f"Confirmed on {on}: {check.state_reason}")
    proof = f", consultation {check.consultation}" if check.consultation else ""
    return Evidence(check.state == Vat.VALID, f"VIES answered on {on}: {check.state}{proof}.")


def date_of(issuer: Organisation, at: datetime) -> date:
    """Return the issuer's calendar day."""
    return at.astimezone(ZoneInfo(issuer.time_zone)).date()


def _create(run: RatingRun, sums: Totals, at: datetime, replaces: Invoice | None) -> Invoice:
    contract = run.contract
    return Invoice.objects.create(
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


def _line(invoice: Invoice, rated: RatedLine, decision: Decision) -> InvoiceLine:
    corrected = rated.corrects.billed.invoice_number if rated.corrects else ""
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
        corrects_number=corrected,
    )


@transaction.atomic
def discard(invoice: Invoice, *, at: datetime, by: str, why: str) -> None:
    """Throw a draft away: it never had a number, so it leaves no hole."""
    move(invoice, State.DISCARDED, at=at, by=by, why=why)


@transaction.atomic
def issue(invoice: Invoice, *, at: datetime, by: str) -> Invoice:
    """Make a draft a legal document: number, frozen snapshot, entry and state, all or nothing.

    Issuing it again, or at once from two places, changes nothing more and returns the same
    invoice. The PDF is rendered after the commit.

    Raises:
        IllegalMove: it was discarded.
        DraftOutdated: the tax decision changed since the draft was made.
        DateBeforeLast: the series has a later date already.
    """
    row = (
        Invoice.objects.select_for_update(of=("self",))
        .select_related("organisation", "issuer", "contract", "rating_run")
        .get(pk=invoice.pk)
    )
    if row.number:
        return row
    _check_tax(row, at)
    publish(row, at=at, by=by)
    # An invoice issued anew bills the windows that the one it replaces marked.
    if row.replaces_id is None:
        rating.mark_billed(row.rating_run, invoice_number=row.number)
    if not row.total_minor:
        move(row, State.PAID, at=at, by=by, why="nothing to pay")
    return row


def publish(invoice: Invoice, *, at: datetime, by: str) -> None:
    """Give a draft or credit note its number, document and entry, and tell who renders it.

    The caller holds the row, in a transaction.

    Raises:
        DateBeforeLast: the series has a later date already.
    """
    on = date_of(invoice.issuer, at)
    number = numbering.take(invoice.issuer, prefix=PREFIXES[Kind(invoice.kind)], on=on)
    _freeze(invoice, number, at=at, on=on, by=by)
    if invoice.total_minor:
        book(invoice, at=at, on=on)
    assert invoice.document_id is not None, "it was frozen just now"
    announce("invoice.issued", document=invoice.document_id, invoice=invoice.pk)
    notices.issued(invoice, at=at)


def _check_tax(invoice: Invoice, at: datetime) -> None:
    decision = tax_of(invoice.issuer, invoice.organisation, at)
    if totals([invoice.net_minor], decision).tax_minor != invoice.tax_minor or any(
        one["category"] != decision.category for one in invoice.taxes
    ):
        raise DraftOutdated(f"{decision.rule} Discard the draft and run again.")


def _freeze(invoice: Invoice, number: numbering.Number, *, at: datetime, on: date, by: str) -> None:
    """Write number, dates and document together with the state, in one guarded statement."""
    invoice.number, invoice.issued_on = str(number), on
    days = 0 if invoice.corrects_id else invoice.organisation.payment_days
    invoice.due_on = on + timedelta(days=days)
    frozen = documents.freeze(
        invoice.organisation, title=invoice.number, snapshot=snapshot_of(invoice), at=at
    )
    also = {
        "number": invoice.number,
        "prefix": number.prefix,
        "year": number.year,
        "sequence": number.sequence,
        "issued_at": at,
        "issued_on": on,
        "due_on": invoice.due_on,
        "document_id": frozen.pk,
    }
    move(invoice, State.ISSUED, at=at, by=by, also=also)
