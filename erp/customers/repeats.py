"""The short way for a repeated call: token and kept answer with one statement, before all else.

A machine that keeps things as they should be asks for the same again and again. Sessions, forms and
the REST framework have nothing to add to an answer that is known to the byte; whatever is not
answered here goes the long way, which says why, or does it.

Source: docs/adr/0030-repeats.md
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from weakref import WeakSet

from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse

from erp.base import rates, scope
from erp.base.doors import now

_SCHEME, _DOOR = "Bearer ", "/api/"
# When a token was used is written to the minute, by the long way.
_FRESH = timedelta(minutes=1)
_PREPARE = (
    """
PREPARE tenantry_repeat (text, text, text, timestamptz) AS
SELECT token.reference, token.scopes, member.role, organisation.kind, reply.rights, reply.status,
    reply.body
FROM erp_apitoken token
JOIN erp_member member ON member.id = token.member_id
JOIN auth_user person ON person.id = member.user_id
JOIN erp_organisation organisation ON organisation.id = token.organisation_id
JOIN erp_apireply reply ON reply.member_id = token.member_id AND reply.key = $2
WHERE token.token_hash = $1 AND token.revoked_at IS NULL AND person.is_active
  AND (token.expires_at IS NULL OR token.expires_at > $4) AND token.last_used_at > $4 - interval
"""
    + f"'{int(_FRESH.total_seconds())} seconds' AND reply.request_hash = $3"
)
_EXECUTE = "EXECUTE tenantry_repeat (%s, %s, %s, %s)"
# Sessions of PostgreSQL that know the statement.
_prepared: WeakSet[Any] = WeakSet()

Next = Callable[[HttpRequest], HttpResponse]


def repeats(get_response: Next) -> Next:
    """Answer what was answered before; hand everything else on."""

    def handle(request: HttpRequest) -> HttpResponse:
        is_keyed = request.method == "POST" and "HTTP_IDEMPOTENCY_KEY" in request.META
        if not (is_keyed and request.path_info.startswith(_DOOR)):
            return get_response(request)
        return _repeated(request) or get_response(request)

    return handle


def _repeated(request: HttpRequest) -> HttpResponse | None:
    # Imported late: middleware loads before the app registry is ready.
    from erp.customers import replies, tokens
    from erp.customers.states import rights_given

    shown, key = request.META.get("HTTP_AUTHORIZATION", ""), request.META["HTTP_IDEMPOTENCY_KEY"]
    if not shown.startswith(_SCHEME):
        return None
    at = now()
    named = (tokens.hash_of(shown[len(_SCHEME) :].strip()), key.strip(), replies.hash_of(request))
    found = _find([*named, at])
    if found is None:
        return None
    token, scopes, role, kind, then, status, body = found
    if not replies.may_hear(rights_given(kind, role) & set(scopes), then):
        return None
    rate = rates.count(token, limit=settings.API_PER_MINUTE, at=at)
    if rate and rate.is_over:
        return None
    answer = replies.answer(body, status)
    for name, value in (rate.headers() if rate else {}).items():
        answer.headers[name] = value
    return answer


def _find(named: list[Any]) -> Any:
    """Return token and answer; None when there are none, or the session has just gone."""
    line: Any = connection
    # The statement itself is the health check: whatever goes wrong, the long way starts anew.
    line.health_check_done = True
    try:
        with scope.everything("answering a repeat"), connection.cursor() as cursor:
            session = connection.connection
            if session not in _prepared:
                cursor.execute(_PREPARE)
                _prepared.add(session)
            cursor.execute(_EXECUTE, named)
            return cursor.fetchone()
    except OperationalError:
        connection.close()
        return None
    finally:
        line.health_check_done = False
