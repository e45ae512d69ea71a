"""Per request: whose rows PostgreSQL shows, and how a refusal is answered."""

from collections.abc import Callable, Iterable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from erp.base import scope
from erp.base.errors import DomainError

Next = Callable[[HttpRequest], HttpResponse]


def tenant_scope(get_response: Next) -> Next:
    """Set the scope of row-level security to the signed-in user's organisations."""
    # Imported late: middleware loads before the app registry is ready.
    from erp.customers.access import all_rights_of, organisations_of

    def handle(request: HttpRequest) -> HttpResponse:
        with scope.everything("reading the memberships of the signed-in user"):
            roots = organisations_of(request.user)
            request.rights = all_rights_of(request.user)  # type: ignore[attr-defined]
        with scope.organisations(roots):
            response = get_response(request)
            if hasattr(response, "render") and callable(response.render):
                response.render()
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _in_scope(roots, response.streaming_content)
        return response

    return handle


def _in_scope(roots: list[int], parts: Iterable[bytes]) -> Iterator[bytes]:
    """Make each part of a stream in the scope of its request: it is read after the answer."""
    stream, end = iter(parts), object()
    while True:
        with scope.organisations(roots):
            part = next(stream, end)
        if part is end:
            return
        yield part  # type: ignore[misc]


class domain_errors(MiddlewareMixin):  # noqa: N801  (named as the setting reads)
    """Answer a refusal with its message: a page, or a fragment when htmx asked."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Turn a DomainError into its status; leave everything else to Django."""
        if not isinstance(error, DomainError):
            return None
        template = "components/refusal.html" if getattr(request, "htmx", False) else "409.html"
        return render(request, template, {"error": error}, status=error.status)
