"""API tokens: made by a member for a machine, shown once, recognised by their hash."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from erp.base.errors import DomainError
from erp.base.identifiers import reference
from erp.base.journal import record
from erp.customers.access import remember
from erp.customers.models import ApiToken, Member
from erp.customers.states import Right

# So that a token is found where it was left by mistake, by people and by scanners.
PREFIX = "tenantry"
MOST_LIVE = 50
# When it was last used is kept to the minute: a write per call would cost more than the call.
USED_AGAIN = timedelta(minutes=1)


class TokenRefused(DomainError):
    """This API token is unknown, expired or revoked: make another on your organisation's page."""

    code = "token_refused"
    status = 401


class NotYours(DomainError):
    """A token permits no more than its member may do."""

    code = "not_yours"
    status = 422


class NameTaken(DomainError):
    """You have a token of this name: choose another name, or revoke that one first."""

    code = "name_taken"


class TooManyTokens(DomainError):
    """This organisation has as many tokens as it may have: revoke one first."""

    code = "too_many_tokens"


@transaction.atomic
def make(
    member: Member, *, name: str, scopes: Collection[Right], days: int | None, at: datetime
) -> tuple[ApiToken, str]:
    """Make a token and return it with its text, which is kept nowhere.

    Args:
        days: how long it is good; None for until it is revoked.

    Raises:
        NotYours: the member has not these rights.
        NameTaken: the member has a token of this name.
        TooManyTokens: there are as many as there may be.
    """
    if not set(scopes) <= member.rights:
        raise NotYours
    live = ApiToken.objects.filter(organisation_id=member.organisation_id, revoked_at=None)
    if live.count() >= MOST_LIVE:
        raise TooManyTokens
    name_of_it = reference("K")
    text = f"{PREFIX}_{name_of_it[2:]}_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        organisation_id=member.organisation_id,
        member=member,
        reference=name_of_it,
        name=name,
        token_hash=hash_of(text),
        scopes=sorted({Right.SEE, *scopes}),
        created_at=at,
        expires_at=None if days is None else at + timedelta(days=days),
    )
    try:
        with transaction.atomic():
            token.save(force_insert=True)
    except IntegrityError as error:
        raise NameTaken from error
    _record(token, "token_made", at=at, by=member.user.get_username(), scopes=token.scopes)
    return token, text


@transaction.atomic
def revoke(token: ApiToken, *, at: datetime, by: str) -> None:
    """Make a token good for nothing from now on; doing it again changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=at):
        _record(token, "token_revoked", at=at, by=by)


def recognise(text: str, *, at: datetime) -> ApiToken:
    """Return the token with its member, whose user may do what the token permits and no more.

    Raises:
        TokenRefused: it is unknown, expired or revoked, or its member may not sign in any more.
    """
    good = Q(expires_at=None) | Q(expires_at__gt=at)
    found = ApiToken.objects.filter(good, revoked_at=None, member__user__is_active=True)
    named = found.filter(token_hash=hash_of(text)).select_related("member__user", "organisation")
    token = next(iter(named[:1]), None)
    if token is None:
        raise TokenRefused
    member = token.member
    member.organisation = token.organisation
    member.limited_to = frozenset(Right(scope) for scope in token.scopes)
    remember(member.user, [member])
    if token.last_used_at is None or at - token.last_used_at > USED_AGAIN:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=at)
    return token


def hash_of(text: str) -> str:
    """Return what is kept: 256 random bits need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


def _record(token: ApiToken, event: str, *, at: datetime, by: str, **more: object) -> None:
    facts = {"token": token.reference, "of": token.member.user.get_username()} | more
    record(token.organisation, event, at=at, by=by, why=token.name, **facts)
