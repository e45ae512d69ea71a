"""Draft what is given back for unavailable services, and let a person decide."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction

from billing.invoicing import credits
from billing.invoicing.models import Invoice, InvoiceLine
from billing.sla import queries
from billing.sla.models import ServiceCredit
from billing.sla.states import State
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.periods import Period
from erp.catalogue.service_levels import missed, read
from erp.ports import Availability, Failing, availability_source

# Intervals that are kept with a credit, the longest; and that are printed on its line.
MOST_KEPT, MOST_PRINTED = 200, 3
# Rounded down: what is below the level must not read as the level.
_SHARE = Decimal("0.001")


class NotOver(DomainError):
    """The month is not over: its availability may still change."""

    code = "not_over"


@transaction.atomic
def draft(invoice: Invoice, month: Period, *, at: datetime, by: str) -> ServiceCredit:
    """Draft the credit of an invoice for a month, or note that all was as agreed; once.

    Raises:
        NotOver: the month goes on.
    """
    if not queries.is_over(month, at):
        raise NotOver
    lines = queries.lines_of(invoice, month)
    keys = {one.rated_line.line_id for one in lines}
    known = availability_source().availability(lines=keys, period=month)
    owed = [found for one in lines if (found := _owed(one, known.get(one.rated_line.line_id)))]
    state = State.DRAFTED if owed else State.KEPT
    facts = {
        "organisation_id": invoice.organisation_id,
        "issuer_id": invoice.issuer_id,
        "contract_id": invoice.contract_id,
        "currency": invoice.currency,
        "net_minor": sum(one["minor"] for one in owed),
        "lines": owed,
        "created_at": at,
        "state": state,
        "state_since": at,
    }
    credit, is_new = ServiceCredit.objects.get_or_create(
        invoice=invoice, month_on=month.start.date(), defaults=facts
    )
    if is_new:
        record(credit, state, at=at, by=by, why=f"{month.start:%B %Y}")
    return credit


def _owed(line: InvoiceLine, known: Availability | None) -> dict[str, Any] | None:
    """Return what one line gives back with its reasons; None when it was as available as agreed."""
    share = known.share if known else None
    if known is None or share is None:
        return None
    step = missed(read(line.rated_line.line.service_level), share)
    if step is None:
        return None
    exact = Decimal(line.net_minor) * step.percent / 100
    minor = int(exact.to_integral_value(ROUND_HALF_UP))
    if not minor:
        return None
    longest = sorted(known.failing, key=lambda one: one.period.seconds, reverse=True)[:MOST_KEPT]
    return {
        "position": line.position,
        "description": line.description,
        "share": str((share * 100).quantize(_SHARE, ROUND_FLOOR)),
        "agreed": f"{step.below.normalize():f}",
        "percent": f"{step.percent.normalize():f}",
        "base_minor": line.net_minor,
        "minor": minor,
        "measured_seconds": str(known.measured_seconds),
        "down_seconds": str(known.down_seconds),
        "unseen_seconds": str(known.unseen_seconds),
        "stopped_seconds": str(known.stopped_seconds),
        "failing": [_kept(one) for one in sorted(longest, key=lambda one: one.period.start)],
        "more_failing": max(len(known.failing) - MOST_KEPT, 0),
    }


def _kept(one: Failing) -> dict[str, str]:
    return {
        "start": one.period.start.isoformat(),
        "end": one.period.end.isoformat(),
        "promise": one.promise,
        "message": one.message[:200],
    }


@transaction.atomic
def approve(credit: ServiceCredit, *, at: datetime, by: str) -> Invoice:
    """Issue the credit note; approving it again returns the same one.

    Raises:
        IllegalMove: it was refused.
        NothingToCredit, MoreThanLeft, DateBeforeLast: as `billing.invoicing.credits.credit`.
    """
    row = ServiceCredit.objects.select_for_update(of=("self",)).get(pk=credit.pk)
    if row.credit_note:
        return row.credit_note
    assert row.lines, "a draft gives something back: no parts would credit the whole invoice"
    why = f"Availability of {row.month_on:%B %Y} below what was agreed ({row.reference})"
    parts = [
        credits.Part(one["position"], net_minor=one["minor"], why=words_of(one))
        for one in row.lines
    ]
    wish = credits.Wish(key=f"service-credit:{row.reference}", why=why, parts=parts)
    note = credits.credit(row.invoice, wish, at=at, by=by)
    also = {"credit_note_id": note.pk}
    move(row, State.APPROVED, at=at, by=by, why=f"credit note {note.number}", also=also)
    return note


def words_of(line: Mapping[str, Any]) -> str:
    """Return why a line gives something back, short enough to be printed on it."""
    words = (
        f"{line['percent']} % for {_plain(line['share'])} % availability, {line['agreed']} % agreed"
    )
    failing: Sequence[Mapping[str, str]] = line["failing"]
    times = ", ".join(_interval(one) for one in failing[:MOST_PRINTED])
    more = len(failing) - MOST_PRINTED + line["more_failing"]
    return f"{words}; {times}" + (f" +{more}" if more > 0 else "") if times else words


def _plain(number: str) -> str:
    return f"{Decimal(number).normalize():f}"


def _interval(one: Mapping[str, str]) -> str:
    """Return an interval as it reads in every language, in UTC."""
    start, end = (datetime.fromisoformat(one[name]) for name in ("start", "end"))
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%d.%m. %H:%M}"
    return f"{start:%d.%m. %H:%M}–{until} UTC"


@transaction.atomic
def refuse(credit: ServiceCredit, *, at: datetime, by: str, why: str) -> None:
    """Give nothing back, for a reason that is kept.

    Raises:
        IllegalMove, StaleState: it was decided before.
    """
    move(credit, State.REFUSED, at=at, by=by, why=why)
