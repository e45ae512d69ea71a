"""The JSON door's shared parts: problems as RFC 9457 says, cursor paging."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler

from erp.base.errors import DomainError


class ReferenceCursor(CursorPagination):
    """Pages by position in the index, however long the list."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error as application/problem+json (RFC 9457)."""
    if isinstance(error, DomainError):
        body = {"type": f"urn:tenantry:{error.code}", "title": str(error), "status": error.status}
        return Response(body | error.facts, status=error.status, content_type=_PROBLEM)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    answer = exception_handler(error, context)
    if answer is not None and isinstance(error, exceptions.APIException):
        answer.data = {
            "type": f"urn:tenantry:{error.default_code}",
            "title": str(error.default_detail),
            "status": answer.status_code,
            "errors": answer.data,
        }
        answer.content_type = _PROBLEM
    return answer


_PROBLEM = "application/problem+json"
