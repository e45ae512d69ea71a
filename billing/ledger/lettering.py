"""Lettering: postings of one account that settle each other get one code, and may lose it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Max, QuerySet

from billing.ledger.models import Account, Lettering, Posting
from billing.ledger.services import day_in, take_turn
from erp.base.errors import DomainError
from erp.base.journal import record
from erp.customers.models import Organisation

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SHORTEST = 2


class NotSettled(DomainError):
    """These postings do not settle each other."""

    code = "not_settled"


class LetteredAlready(DomainError):
    """One of these postings has a letter already: take that off first."""

    code = "lettered_already"


def letters(number: int) -> str:
    """Return the code of the n-th lettering of an account: AA, AB, … ZZ, AAA."""
    width, rest = _SHORTEST, number - 1
    while rest >= len(_ALPHABET) ** width:
        rest -= len(_ALPHABET) ** width
        width += 1
    signs = []
    for _ in range(width):
        rest, sign = divmod(rest, len(_ALPHABET))
        signs.append(_ALPHABET[sign])
    return "".join(reversed(signs))


@transaction.atomic
def letter(account: Account, postings: Sequence[int], *, at: datetime, by: str) -> Lettering:
    """Give postings of an account, named by their keys, one code.

    Raises:
        NotSettled: they are not of this account, of two currencies, or do not sum to zero.
        LetteredAlready: one of them is settled.
    """
    take_turn(account.organisation)
    found = list(Posting.objects.filter(account=account, pk__in=set(postings)))
    if len(found) != len(set(postings)) or len(found) < _SHORTEST:
        raise NotSettled(f"Choose two postings or more, all of account {account.code}.")
    if any(one.lettering_id for one in found):
        raise LetteredAlready
    if len({one.currency for one in found}) > 1 or sum(one.minor for one in found) != 0:
        raise NotSettled(
            f"The postings chosen on {account.code} must be in one currency and sum to zero: "
            f"they sum to {sum(one.minor for one in found)} in minor units."
        )
    return _give(account, found, at=at, by=by)


def _give(account: Account, found: Sequence[Posting], *, at: datetime, by: str) -> Lettering:
    last = account.letterings.aggregate(last=Max("number"))["last"] or 0
    made = Lettering.objects.create(
        organisation_id=account.organisation_id,
        account=account,
        number=last + 1,
        code=letters(last + 1),
        on=max(day_in(account.organisation, at), *(one.posted_on for one in found)),
        at=at,
        by=by,
    )
    Posting.objects.filter(pk__in=[one.pk for one in found]).update(lettering=made)
    return made


@transaction.atomic
def letter_item(books: Organisation, code: str, item: str, *, at: datetime, by: str) -> None:
    """Letter all of one document on a customer's account if nothing of it is left open."""
    take_turn(books)
    account = Account.objects.filter(organisation=books, code=code).first()
    if account is None or not item:
        return
    found = list(open_postings(account).filter(item=item))
    is_settled = len(found) >= _SHORTEST and not sum(one.minor for one in found)
    if is_settled and len({one.currency for one in found}) == 1:
        _give(account, found, at=at, by=by)


def open_postings(account: Account) -> QuerySet[Posting]:
    """Return the postings of an account that nothing settles, oldest first."""
    return account.postings.filter(lettering=None).order_by("posted_on", "pk")


@transaction.atomic
def unletter(account: Account, code: str, *, at: datetime, by: str, why: str) -> None:
    """Take a code off its postings, which are open again; the code is never given again.

    Raises:
        NotSettled: no postings of the account bear this code.
    """
    books = account.organisation
    take_turn(books)
    found = account.letterings.filter(code=code, undone_at=None).first()
    if found is None:
        raise NotSettled(f"No postings of {account.code} bear the code {code}.")
    Posting.objects.filter(lettering=found).update(lettering=None)
    Lettering.objects.filter(pk=found.pk).update(undone_at=at, undone_by=by)
    record(books, "unlettered", at=at, by=by, why=why, account=account.code, code=code)
