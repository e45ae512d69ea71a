"""The JSON door's shared parts: problems as RFC 9457 says, cursor paging, keys of wishes."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from erp.base.errors import DomainError

PROBLEM = "application/problem+json"
LARGEST = 2**53 - 1
_KEY_LENGTH = 80
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="Names this wish for ever: the same key again is the same answer. 80 signs.",
)


class KeyMissing(exceptions.APIException):
    """A call that makes something must be safe to repeat."""

    status_code = 400
    default_code = "idempotency_key_missing"
    default_detail = "Send an Idempotency-Key of 1 to 80 printable signs, new for every wish."


class ReferenceCursor(CursorPagination):
    """Pages by position in the index, however long the list."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200


def filled(kind: Any, request: Request, **context: Any) -> dict[str, Any]:
    """Return what was sent, checked by a serializer class.

    Raises:
        ValidationError: says per field what is wrong.
    """
    asked = kind(data=request.data, context=context)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def cleaned(form: BaseForm) -> dict[str, Any]:
    """Return what a page's form makes of what was sent: one rule for people and programs.

    Raises:
        ValidationError: says per field what is wrong.
    """
    if not form.is_valid():
        raise exceptions.ValidationError(
            {name: [str(one) for one in said] for name, said in form.errors.items()}
        )
    return dict(form.cleaned_data)


def who(request: Request) -> str:
    """Return who is written into the journal."""
    return request.user.get_username()


def rights_anywhere(request: Request) -> frozenset[str]:
    """Return the rights that the reader has anywhere: for the way in, never for a decision."""
    rights: frozenset[str] = request._request.rights  # type: ignore[attr-defined]
    return rights


def idempotency_key(request: Request) -> str:
    """Return the key that names the wish.

    Raises:
        KeyMissing: there is none, or it is too long.
    """
    key = str(request.headers.get("Idempotency-Key", "")).strip()
    if not (key and key.isprintable() and len(key) <= _KEY_LENGTH):
        raise KeyMissing
    return key


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an error as application/problem+json (RFC 9457)."""
    if isinstance(error, DomainError):
        facts = error.facts | titled(error.code, str(error), error.status)
        return Response(facts, status=error.status, content_type=PROBLEM)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    answer = exception_handler(error, context)
    if answer is not None and isinstance(error, exceptions.APIException):
        title = str(error.default_detail)
        facts = titled(error.default_code, title, answer.status_code)
        if isinstance(error, exceptions.ValidationError):
            facts["errors"] = answer.data
        elif str(error.detail) != title:
            facts["detail"] = str(error.detail)
        answer.data = facts
        answer.content_type = PROBLEM
    return answer


def titled(code: str, title: str, status: int) -> dict[str, Any]:
    """Return the parts that every problem has."""
    return {"type": f"urn:tenantry:{code}", "title": title, "status": status}
