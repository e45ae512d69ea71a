"""Keep mandates, and how a seller debits."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, transaction
from stdnum import iban
from stdnum.eu import at_02
from stdnum.exceptions import ValidationError as BadNumber

from billing.ledger.services import day_in
from billing.sepa import queries
from billing.sepa.models import Creditor, Mandate
from billing.sepa.reasons import ends_mandate
from billing.sepa.states import MandateKind, MandateState, Scheme
from erp.base.errors import DomainError
from erp.base.identifiers import reference
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.customers.models import Organisation

# Where accounts can be debited by SEPA (EPC409-09).
COUNTRIES = frozenset({
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
    "GB", "GI", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD",
    "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
})  # fmt: skip
MOST_NOTICE_DAYS = 30


class NoCreditor(DomainError):
    """The seller has no creditor identifier yet: write it on the page of direct debits."""

    code = "no_creditor"


class BadMandate(DomainError):
    """This is no mandate that a bank accepts."""

    code = "bad_mandate"
    status = 422


@dataclass(frozen=True, slots=True)
class Signature:
    """What a customer signed.

    Args:
        umr: how a mandate is called that was signed elsewhere; a new one is named by us.
    """

    holder: str
    iban: str
    bic: str
    signed_on: date
    kind: MandateKind = MandateKind.RECURRENT
    scheme: Scheme = Scheme.CORE
    umr: str = ""


@transaction.atomic
def set_creditor(
    seller: Organisation, identifier: str, *, notice_days: int, return_fee_minor: int,
    at: datetime, by: str,
) -> Creditor:  # fmt: skip
    """Keep the creditor identifier of a seller, and what it agreed with its customers.

    Raises:
        NoCreditor: the identifier has wrong digits.
    """
    try:
        checked = str(at_02.validate(identifier))
    except BadNumber as error:
        raise NoCreditor(
            f"“{identifier}” is no creditor identifier: its digits do not agree. It looks like "
            "FR72ZZZ123456, and your central bank or bank gave it to you."
        ) from error
    facts: dict[str, Any] = {
        "identifier": checked,
        "notice_days": min(max(notice_days, 1), MOST_NOTICE_DAYS),
        "return_fee_minor": return_fee_minor,
    }
    made, _ = Creditor.objects.update_or_create(organisation=seller, defaults=facts)
    record(seller, "creditor_kept", at=at, by=by, **facts)
    return made


@transaction.atomic
def sign(
    debtor: Organisation, seller: Organisation, signed: Signature, *, at: datetime, by: str
) -> Mandate:
    """Keep a mandate; it takes the place of the one that was active.

    Raises:
        NoCreditor: the seller does not debit.
        BadMandate: the account is none, or outside SEPA, or it is signed in the future.
    """
    if queries.creditor_of(seller) is None:
        raise NoCreditor
    account = _account(signed, day_in(seller, at))
    Organisation.objects.select_for_update().get(pk=debtor.pk)
    for old in queries.mandates_of(debtor).filter(creditor=seller, state=MandateState.ACTIVE):
        if (old.iban, old.signed_on, old.umr) == (account, signed.signed_on, signed.umr or old.umr):
            return old
        move(old, MandateState.REVOKED, at=at, by=by, why="another one was signed")
    own = reference("Z")
    facts = {
        "kind": signed.kind, "scheme": signed.scheme, "holder": signed.holder[:70],
        "iban": account, "bic": signed.bic, "signed_on": signed.signed_on, "signed_by": by,
    }  # fmt: skip
    try:
        with transaction.atomic():
            made = Mandate.objects.create(
                organisation=debtor, creditor=seller, reference=own, umr=signed.umr or own,
                state=MandateState.ACTIVE, state_since=at, **facts,
            )  # fmt: skip
    except IntegrityError as error:
        raise BadMandate(f"There is a mandate {signed.umr} already.") from error
    record(made, "signed", at=at, by=by, account=made.account_end)
    return made


def _account(signed: Signature, today: date) -> str:
    try:
        account = str(iban.validate(signed.iban))
    except BadNumber as error:
        raise BadMandate("This is no valid IBAN: compare it again.") from error
    if account[:2] not in COUNTRIES:
        raise BadMandate(f"Accounts in {account[:2]} cannot be debited by SEPA.")
    if signed.signed_on > today:
        raise BadMandate(f"It cannot be signed on {signed.signed_on}: that is in the future.")
    return account


def revoke(mandate: Mandate, *, at: datetime, by: str, why: str) -> None:
    """Take a mandate back: nothing is debited by it from now on."""
    move(mandate, MandateState.REVOKED, at=at, by=by, why=why)


def make_last(mandate: Mandate, *, at: datetime, by: str) -> None:
    """Let the next debit be the last; saying it again changes nothing."""
    if Mandate.objects.filter(pk=mandate.pk, is_last=False).update(is_last=True):
        record(mandate, "is_last", at=at, by=by)


def used(mandate: Mandate, sequence: str, *, on: date, at: datetime, by: str) -> None:
    """Remember a debit; a mandate that was for one, or for a last one, is at its end."""
    Mandate.objects.filter(pk=mandate.pk).update(last_used_on=on)
    mandate.refresh_from_db()
    if sequence in {"OOFF", "FNAL"} and mandate.state == MandateState.ACTIVE:
        move(mandate, MandateState.ENDED, at=at, by=by, why=f"its last debit was on {on}")


def came_back(mandate: Mandate, code: str, why: str, *, at: datetime, by: str) -> None:
    """Mark a mandate by which a debit came back; some reasons end its use."""
    Mandate.objects.filter(pk=mandate.pk).update(returns=mandate.returns + 1)
    mandate.refresh_from_db()
    if mandate.state == MandateState.ACTIVE and ends_mandate(code):
        move(mandate, MandateState.FAILED, at=at, by=by, why=why)
