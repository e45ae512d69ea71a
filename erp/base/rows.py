"""What the JSON door shows of rows: lists by page, one by its reference, and its history.

Apart from `api`, which the REST framework loads while it makes its own views.
"""

from typing import Any, ClassVar, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import rights_anywhere
from erp.base.journal import JournalLine, history

M = TypeVar("M", bound=Model)


class EventOut(serializers.ModelSerializer[JournalLine]):
    """Something that happened to an object: who, when, what, why."""

    details = serializers.DictField(read_only=True)

    class Meta:
        model = JournalLine
        fields = ("at", "by", "event", "why", "details")
        read_only_fields = fields


class Rows(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[M]):
    """Rows that the reader sees, page by page, and one of them by its reference.

    A subclass says in `get_queryset` which, and in `get_object` by which right.

    Attributes:
        needs: rights of which the reader has one somewhere, to come in at all.
        asks: what the query of a list may ask for.
    """

    lookup_field = "reference"
    needs: ClassVar[frozenset[str]] = frozenset()
    asks: ClassVar[type[serializers.Serializer[Any]] | None] = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Turn away who has nothing to do here."""
        super().initial(request, *args, **kwargs)
        if self.needs and not self.needs & rights_anywhere(request):
            raise PermissionDenied

    def asked(self) -> dict[str, Any]:
        """Return what the query of a list asks for; nothing where it is no list."""
        if self.asks is None or self.action != "list":
            return {}
        query = self.asks(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        return {name: value for name, value in query.validated_data.items() if value != ""}


class Remembered(viewsets.GenericViewSet[M]):
    """Objects whose history is shown to who sees them."""

    @extend_schema(responses=EventOut(many=True))
    @action(detail=True, methods=["get"])
    def events(self, request: Request, **named: str) -> Response:
        """Return what happened to it, newest first."""
        return paged(self, history(self.get_object()), EventOut)


def paged(view: viewsets.GenericViewSet[Any], rows: Any, kind: Any, **context: Any) -> Response:
    """Return one page of other rows than those of the view."""
    page = view.paginate_queryset(rows)
    return view.get_paginated_response(kind(page, many=True, context=context).data)
