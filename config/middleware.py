"""What the browser may load: our own files and nothing else; what an address may hold."""

from collections.abc import Callable
from urllib.parse import unquote

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
)

Next = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: Next) -> Next:
    """Send the policy with every answer."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return handle


def no_nul(get_response: Next) -> Next:
    """Refuse an address or a cookie with a NUL: PostgreSQL has no such text.

    What is sent in a body is refused by its form or serializer.
    """

    def handle(request: HttpRequest) -> HttpResponse:
        query = unquote(request.META.get("QUERY_STRING", ""))
        if any("\0" in text for text in (request.path, query, *request.COOKIES.values())):
            raise BadRequest("NUL in the address or in a cookie")
        return get_response(request)

    return handle
