"""From drafts to legal documents, many at once: number, frozen snapshot, entry and state.

What can be made ready is made before the numbers are taken: who takes numbers waits for the commit
of who took the last ones. Locks are taken in one order, by all that publish: the invoices, the
prepaid credit, the journals of the buyers, the series, the books.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Prefetch, QuerySet

from billing.documents import services as documents
from billing.documents.models import Document
from billing.invoicing import lost, notices, numbering
from billing.invoicing.booking import book
from billing.invoicing.freeze import numbered, snapshot_of
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.prepaid import prepaid_source
from billing.invoicing.states import Kind, State
from billing.invoicing.tax import Decision
from billing.invoicing.taxation import date_of, taxes_of
from billing.invoicing.totals import totals
from billing.rating import services as rating
from erp.base.errors import DomainError
from erp.base.journal import line_about, record_all
from erp.base.lifecycle import StaleState
from erp.base.nudges import announce

PREFIXES = {Kind.INVOICE: "F", Kind.CREDIT_NOTE: "A"}


class DraftOutdated(DomainError):
    """The tax of this draft is not what it would be today: discard it and run again."""

    code = "draft_outdated"


@dataclass(frozen=True, slots=True)
class Ready:
    """An invoice with everything that it prints but its number."""

    invoice: Invoice
    snapshot: Mapping[str, Any]


def locked(invoices: QuerySet[Invoice], *, skip: bool = False) -> QuerySet[Invoice]:
    """Return invoices that nobody else changes until the commit, with all that issuing reads.

    Args:
        skip: leave out those that somebody else holds, instead of waiting for them.
    """
    rows = invoices.select_for_update(of=("self",), skip_locked=skip)
    lines = InvoiceLine.objects.select_related("rated_line__line__contract").order_by("position")
    return rows.prefetch_related(
        "organisation", "issuer", "contract", "corrects", Prefetch("lines", lines)
    )


@transaction.atomic
def issue_all(invoices: Sequence[Invoice], *, at: datetime, by: str) -> dict[int, DomainError]:
    """Issue drafts of one issuer that the caller holds, see `locked`; return refusals by key.

    Raises:
        DateBeforeLast, PeriodLocked, UnknownAccount: what refuses them all.
    """
    refused: dict[int, DomainError] = {}
    decisions = taxes_of({(one.issuer, one.organisation) for one in invoices}, at)
    fresh: list[Invoice] = []
    for one in invoices:
        decision = decisions[one.issuer_id, one.organisation_id]
        try:
            _check_tax(one, decision)
        except DomainError as refusal:
            refused[one.pk] = refusal
        else:
            fresh.append(one)
    held = prepaid_source().held(fresh, at=at)
    prepaid = {key: sum(shares.values()) for key, shares in held.items()}
    refused |= publish(fresh, at=at, by=by, prepaid=prepaid)
    issued = [one for one in fresh if one.pk not in refused]
    # An invoice issued anew bills the windows that the one it replaces marked.
    rating.mark_billed(
        (line.rated_line, one.number)
        for one in issued
        if one.replaces_id is None
        for line in one.lines.all()
    )
    _settle([one for one in issued if not one.total_minor], at=at, by=by)
    for one in issued:
        if one.pk in held:
            prepaid_source().pay(one, held[one.pk], at=at, by=by)
            one.refresh_from_db(fields=["state", "state_since", "state_reason", "paid_minor"])
    return refused


def publish(
    invoices: Sequence[Invoice],
    *,
    at: datetime,
    by: str,
    prepaid: Mapping[int, int] | None = None,
) -> dict[int, DomainError]:
    """Give drafts or credit notes their numbers, documents and entries, and tell who renders them.

    The caller holds the rows, all of one issuer and kind, in a transaction. What cannot be printed
    is refused, by its key, and takes no number.

    Args:
        prepaid: what prepaid credit pays of each, by its key.

    Raises:
        DateBeforeLast: the series has a later date already.
    """
    if not invoices:
        return {}
    ((issuer, kind),) = {(one.issuer, one.kind) for one in invoices}
    on = date_of(issuer, at)
    refused = lost.refusals(invoices)
    fresh = [one for one in invoices if one.pk not in refused]
    ready, unprinted = _made_ready(fresh, on, prepaid or {})
    refused |= unprinted
    if not ready:
        return refused
    issued = [one.invoice for one in ready]
    record_all(line_about(one, State.ISSUED, at=at, by=by, came_from=State.DRAFT) for one in issued)
    numbers = numbering.take(issuer, prefix=PREFIXES[Kind(kind)], on=on, count=len(ready))
    for one, number in zip(issued, numbers, strict=True):
        one.number, one.prefix = str(number), number.prefix
        one.year, one.sequence = number.year, number.sequence
    lost.note(issuer, issued, on=on)
    frozen = documents.freeze(
        (
            (
                one.invoice.organisation,
                one.invoice.number,
                numbered(one.snapshot, one.invoice.number),
            )
            for one in ready
        ),
        at=at,
    )
    _write(issued, frozen, at=at)
    book(issuer, issued, at=at, on=on)
    notices.issued(issued, at=at)
    _announce(issued)
    return refused


def _made_ready(
    invoices: Sequence[Invoice], on: date, prepaid: Mapping[int, int]
) -> tuple[list[Ready], dict[int, DomainError]]:
    ready: list[Ready] = []
    refused: dict[int, DomainError] = {}
    for one in invoices:
        days = 0 if one.corrects_id else one.organisation.payment_days
        one.issued_on, one.due_on = on, on + timedelta(days=days)
        try:
            ready.append(Ready(one, snapshot_of(one, prepaid_minor=prepaid.get(one.pk, 0))))
        except DomainError as refusal:
            refused[one.pk] = refusal
    return ready, refused


def _check_tax(invoice: Invoice, decision: Decision | DomainError) -> None:
    if isinstance(decision, DomainError):
        raise decision
    if totals([invoice.net_minor], decision).tax_minor != invoice.tax_minor or any(
        one["category"] != decision.category for one in invoice.taxes
    ):
        raise DraftOutdated(f"{decision.rule} Discard the draft and run again.")


def _write(invoices: Sequence[Invoice], frozen: Sequence[Document], *, at: datetime) -> None:
    """Write number, dates, document and state, in the order of the numbers: they are chained.

    Raises:
        StaleState: one of them is no draft any more.
    """
    rows = [
        {
            "id": one.pk,
            "number": one.number,
            "prefix": one.prefix,
            "year": one.year,
            "sequence": one.sequence,
            "issued_on": str(one.issued_on),
            "due_on": str(one.due_on),
            "document_id": document.pk,
        }
        for one, document in zip(invoices, frozen, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenantry_issue_invoices(%s::jsonb, %s)", [json.dumps(rows), at])
        (moved,) = cursor.fetchone()
    if moved != len(rows):
        raise StaleState("A draft was issued or discarded meanwhile: reload the page.")
    for one, document in zip(invoices, frozen, strict=True):
        one.state, one.state_since, one.state_reason = State.ISSUED, at, ""
        one.issued_at, one.document = at, document


def _settle(invoices: Sequence[Invoice], *, at: datetime, by: str) -> None:
    """Move on what is of no amount."""
    if not invoices:
        return
    why = "nothing to pay"
    keys = [one.pk for one in invoices]
    facts = {"state": State.PAID, "state_since": at, "state_reason": why}
    Invoice.objects.filter(pk__in=keys, state=State.ISSUED).update(**facts)
    record_all(
        line_about(one, State.PAID, at=at, by=by, why=why, came_from=State.ISSUED)
        for one in invoices
    )
    for one in invoices:
        one.state, one.state_since, one.state_reason = State.PAID, at, why


def _announce(invoices: Sequence[Invoice]) -> None:
    """Hurry the rendering: of one document, or of all that wait."""
    if len(invoices) == 1:
        (one,) = invoices
        assert one.document_id is not None, "it was frozen just now"
        announce("invoice.issued", document=one.document_id)
    else:
        announce("invoices.issued")
