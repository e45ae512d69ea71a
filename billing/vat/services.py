"""Ask about VAT numbers until there is an answer, and keep it; or take it upon oneself."""

from datetime import datetime, timedelta

from django.db import transaction

from billing.vat import queries, register
from billing.vat.models import VatCheck
from billing.vat.states import State
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.customers.models import Organisation

# After a failure the sweep waits longer each time, at most so long.
MOST_PATIENCE = timedelta(hours=1)


class NoNumber(DomainError):
    """This organisation has no VAT number: type it among its billing facts first."""

    code = "no_vat_number"


@transaction.atomic
def ask(buyer: Organisation, *, at: datetime) -> VatCheck:
    """Put a question into the queue; one that waits already is that one.

    Raises:
        NoNumber: there is nothing to ask about.
    """
    if not buyer.vat_number:
        raise NoNumber
    seller = buyer.parent
    check, _ = VatCheck.objects.get_or_create(
        organisation=buyer,
        number=buyer.vat_number,
        state=State.WAITING,
        defaults={
            "requester": _written(seller.vat_number) if seller else "",
            "asked_at": at,
            "next_attempt_at": at,
            "state_since": at,
        },
    )
    return check


def consult(check: VatCheck, *, at: datetime) -> None:
    """Ask the register about one question and keep the answer; without one, ask again later.

    The call holds no lock. When two workers ask at once, the second answer finds the first.
    """
    try:
        answer = register.ask(_written(check.number), requester=check.requester)
    except register.NoAnswer as error:
        patience = min(timedelta(seconds=30) * 2 ** min(check.attempts, 10), MOST_PATIENCE)
        VatCheck.objects.filter(pk=check.pk, state=State.WAITING).update(
            attempts=check.attempts + 1,
            last_error=str(error)[:300],
            next_attempt_at=at + patience,
        )
        return
    with transaction.atomic():
        row = VatCheck.objects.select_for_update().get(pk=check.pk)
        if row.state != State.WAITING:
            return
        also = {
            "answered_at": at,
            "attempts": row.attempts + 1,
            "consultation": answer.consultation,
            "answer": answer.raw,
        }
        to = State.VALID if answer.is_valid else State.INVALID
        move(row, to, at=at, by="VIES", also=also)


@transaction.atomic
def confirm(buyer: Organisation, *, why: str, at: datetime, by: str) -> VatCheck:
    """Let a person answer for the number where the register does not; the reason is evidence.

    Raises:
        NoNumber: there is nothing to confirm.
    """
    known = queries.latest(buyer, at=at)
    if known and known.state == State.CONFIRMED and known.state_reason == why:
        return known
    check = VatCheck.objects.select_for_update().get(pk=ask(buyer, at=at).pk)
    move(check, State.CONFIRMED, at=at, by=by, why=why, also={"answered_at": at})
    record(buyer, "vat_number_confirmed", at=at, by=by, why=why, number=check.number)
    return check


def _written(number: str) -> str:
    """Return a number as the register wants it: no blanks, dots or dashes."""
    return "".join(sign for sign in number.upper() if sign.isalnum())
