"""The door for machines: `Authorization: Bearer` under /api/, in place of a session."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from erp.base import rates, scope
from erp.base.doors import now

_SCHEME = "bearer "
# Pages are for people: a token opens none of them.
_DOOR = "/api/"

Next = Callable[[HttpRequest], HttpResponse]


def bearer(get_response: Next) -> Next:
    """Let a request with a token act for the token's member, and count it."""
    # Imported late: middleware loads before the app registry is ready.
    from erp.customers import tokens

    def handle(request: HttpRequest) -> HttpResponse:
        shown = request.headers.get("Authorization", "")
        if not (shown[: len(_SCHEME)].lower() == _SCHEME and request.path_info.startswith(_DOOR)):
            return get_response(request)
        said: Any = request
        said.user, said.api_token, said.rate = AnonymousUser(), None, None
        try:
            with scope.everything("recognising an API token"):
                token = tokens.recognise(shown[len(_SCHEME) :].strip(), at=now())
        except tokens.TokenRefused as refusal:
            said.refusal = str(refusal)
            return get_response(request)
        said.user, said.api_token = token.member.user, token
        said.rate = rates.count(token.reference, limit=settings.API_PER_MINUTE, at=now())
        response = get_response(request)
        if said.rate:
            for name, value in said.rate.headers().items():
                response.headers[name] = value
        return response

    return handle


class BearerAuthentication(BaseAuthentication):
    """Tell the REST framework who was recognised by `bearer`."""

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        """Return the token's member; None where no token was shown."""
        said: Any = request._request
        if not hasattr(said, "api_token"):
            return None
        if said.api_token is None:
            raise AuthenticationFailed(said.refusal)
        return said.user, said.api_token

    def authenticate_header(self, request: Request) -> str:
        """Say how to come in."""
        return 'Bearer realm="Tenantry"'


class TokenThrottle(BaseThrottle):
    """Hold up a token that calls more often than it may."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Return whether there is room in this minute."""
        self.rate: rates.Rate | None = getattr(request._request, "rate", None)
        return not (self.rate and self.rate.is_over)

    def wait(self) -> float | None:
        """Return in how many seconds there is."""
        return float(self.rate.resets_in_seconds) if self.rate else None
