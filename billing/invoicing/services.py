"""Draft, issue and discard one invoice: what is done for many, done for one."""

from datetime import datetime

from django.db import transaction

from billing.invoicing import drafting, issuing
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.rating.models import RatedLine, RatingRun
from billing.rating.services import Rated
from erp.base.errors import DomainError
from erp.base.lifecycle import IllegalMove, move


class NotIssued(DomainError):
    """The invoice is a draft: it has no document yet."""

    code = "not_issued"


@transaction.atomic
def draft(run: RatingRun, *, at: datetime, by: str, replaces: Invoice | None = None) -> Invoice:
    """Make the draft of a rating run; the same run has one invoice that stands.

    Args:
        replaces: the invoice of the same run that was credited as a whole.

    Raises:
        NotConfirmed: see `billing.invoicing.tax`.
        PeriodTaken: another invoice of the contract covers a part of the period.
        NothingOwed: the lines sum to less than zero.
    """
    rated = Rated(run, list(RatedLine.objects.filter(run=run).order_by("position")))
    made = drafting.draft_all({run.contract_id: rated}, at=at, replaces=replaces)[run.contract_id]
    if isinstance(made, DomainError):
        raise made
    drafting.keep([made], at=at, by=by)
    return made.invoice


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
    row = issuing.locked(Invoice.objects.filter(pk=invoice.pk)).get()
    if row.number:
        return row
    if row.state != State.DRAFT:
        raise IllegalMove(f"This invoice is {row.state} and cannot become {State.ISSUED}.")
    refused = issuing.issue_all([row], at=at, by=by)
    if refused:
        raise refused[row.pk]
    return row
