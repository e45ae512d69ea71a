"""Usage of services as JSON: each meter over an hour, a day, a month or a year."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.doors import now
from erp.contracts.access import contract_for
from erp.customers.states import Right
from orchestration.metering import queries


class UsageIn(serializers.Serializer[Any]):
    """Which line, and which time until now."""

    position = serializers.IntegerField(required=False, default=1, min_value=1, max_value=9999)
    range = serializers.ChoiceField(required=False, default="day", choices=list(queries.RANGES))


class PointOut(serializers.Serializer[Any]):
    """A slot of time; null where nothing was measured."""

    at = serializers.CharField()
    quantity = serializers.CharField(allow_null=True)


class UsageOut(serializers.Serializer[Any]):
    """One meter over a range."""

    meter = serializers.CharField()
    unit = serializers.CharField()
    total = serializers.CharField()
    points = PointOut(many=True)


class Usages(viewsets.GenericViewSet[Any]):
    """What services used."""

    serializer_class = UsageOut
    lookup_field = "reference"
    pagination_class = None

    @extend_schema(
        responses=UsageOut(many=True),
        parameters=[UsageIn, OpenApiParameter("reference", str, "path")],
    )
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return the usage of one line of one service (C-…)."""
        contract = contract_for(request.user, reference, right=Right.SEE)
        asked = UsageIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        line = get_object_or_404(contract.lines, position=asked.validated_data["position"])
        found = queries.series(line=line.pk, name=asked.validated_data["range"], at=now())
        rows = [
            {
                "meter": one.meter,
                "unit": one.unit,
                "total": one.total,
                "points": [{"at": at, "quantity": quantity} for at, quantity in one.points],
            }
            for one in found
        ]
        return Response(UsageOut(rows, many=True).data)
