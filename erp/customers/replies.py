"""Answer a repeated call as the first one was answered, to the byte.

What a call makes and its answer are stored in one transaction, so a call whose answer was lost can
be sent again, by as many clients at once as like to. Refusals are not kept: they may heal.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from erp.base.api import idempotency_key
from erp.base.doors import now
from erp.base.errors import DomainError
from erp.customers.access import memberships_of
from erp.customers.models import ApiReply, Member

KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 5000
JSON = "application/json"
_SALT = "tenantry.replies"


class KeyReused(DomainError):
    """This Idempotency-Key named another call before: take a new key for a new wish."""

    code = "key_reused"


def once(request: Request, make: Callable[[], Mapping[str, Any]]) -> HttpResponse:
    """Do what is asked once per key, and answer 201 with what `make` returns.

    Two calls with one key at once take turns: the second is answered as the first.

    Raises:
        KeyMissing: there is no key.
        KeyReused: the key named another call.
    """
    key, digest = idempotency_key(request), hash_of(request._request)
    member = _member(request)
    with transaction.atomic():
        row = _row(member, key, digest)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            return _again(ApiReply.objects.get(member=member, key=key), digest, member)
        row.body = JSONRenderer().render(make()).decode()
        row.save(update_fields=["body"])
    return answer(row.body, row.status)


def keep(request: Request, data: Mapping[str, Any]) -> HttpResponse:
    """Answer 201, and keep the answer for repeats of a call that is safe to repeat by itself."""
    row = _row(_member(request), idempotency_key(request), hash_of(request._request))
    row.body = JSONRenderer().render(data).decode()
    ApiReply.objects.bulk_create([row], ignore_conflicts=True)
    return answer(row.body, row.status)


def answer(body: str, status: int) -> HttpResponse:
    """Return a kept answer as it was sent first."""
    return HttpResponse(body.encode(), content_type=JSON, status=status)


def may_hear(rights: Collection[str], then: Collection[str]) -> bool:
    """Return whether who has these rights may still be answered as then."""
    return set(then) <= set(rights)


def hash_of(request: HttpRequest) -> str:
    """Return what names a call; its body may hold secrets, so nobody can try them out on this."""
    said = b"\0".join([str(request.method).encode(), request.path.encode(), request.body])
    return salted_hmac(_SALT, said, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()


def prune(*, at: datetime) -> None:
    """Forget what was answered a month ago, some at a time."""
    old = ApiReply.objects.filter(created_at__lt=at - KEPT).order_by("created_at")
    ApiReply.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])).delete()


def _row(member: Member, key: str, digest: str) -> ApiReply:
    return ApiReply(
        organisation_id=member.organisation_id,
        member=member,
        key=key,
        request_hash=digest,
        rights=sorted(member.rights),
        status=201,
        created_at=now(),
    )


def _member(request: Request) -> Member:
    """Return for whom the call is made: a token's member, else the reader's first membership."""
    mine = sorted(memberships_of(request.user), key=lambda one: one.pk)
    if not mine:
        raise PermissionDenied
    return mine[0]


def _again(row: ApiReply, digest: str, member: Member) -> HttpResponse:
    if row.request_hash != digest:
        raise KeyReused
    if not may_hear(member.rights, row.rights):
        raise PermissionDenied
    return answer(row.body, row.status)
