"""What Django itself refuses: a page for people, a problem (RFC 9457) for programs."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from erp.base.api import PROBLEM, titled

_DOOR = "/api/"
_TITLES = {
    400: ("bad_request", "This is no request that can be understood."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here, or nothing that you may see."),
    500: ("error", "Something went wrong on our side. It is written down; try again later."),
}


def _answer(request: HttpRequest, status: int, page: Callable[[], HttpResponse]) -> HttpResponse:
    if not request.path.startswith(_DOOR):
        return page()
    code, title = _TITLES[status]
    return JsonResponse(titled(code, title, status), status=status, content_type=PROBLEM)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return _answer(request, 400, lambda: defaults.bad_request(request, exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return _answer(request, 403, lambda: defaults.permission_denied(request, exception))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return _answer(request, 404, lambda: defaults.page_not_found(request, exception))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500."""
    return _answer(request, 500, lambda: defaults.server_error(request))
