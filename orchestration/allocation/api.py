"""Placement as JSON: the schema of what may be wished, and a dry run."""

from typing import Any

from django.core.exceptions import PermissionDenied
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.customers.access import organisation_for
from erp.customers.states import Right
from orchestration.allocation import services
from orchestration.allocation.choose import Ranking, Wish
from orchestration.allocation.wishes import SCHEMA
from orchestration.instances.access import instance_for

MOST = 1000


class DryRunIn(serializers.Serializer[Any]):
    """A waiting instance; or a customer, a product, sizes and wishes of the place."""

    instance = serializers.CharField(max_length=12, required=False, help_text="I-…")
    organisation = serializers.CharField(max_length=12, required=False, help_text="O-…")
    product = serializers.CharField(max_length=60, required=False, default="")
    memory_bytes = serializers.IntegerField(required=False, default=0, min_value=0)
    disk_bytes = serializers.IntegerField(required=False, default=0, min_value=0)
    sla = serializers.DictField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for one of the two."""
        if ("instance" in attrs) == ("organisation" in attrs):
            raise serializers.ValidationError("Name an instance or an organisation, one of them.")
        return attrs


class PlaceOut(serializers.Serializer[Any]):
    """One node: its rank from 1, or why it does not fit."""

    node = serializers.CharField()
    name = serializers.CharField()
    rank = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()


class DryRunOut(serializers.Serializer[Any]):
    """The nodes that fit, best first, then the others; at most a thousand of each."""

    fits = serializers.IntegerField()
    refused = serializers.IntegerField()
    nodes = PlaceOut(many=True)


class Placement(viewsets.GenericViewSet[Any]):
    """Where instances may go."""

    serializer_class = DryRunIn
    pagination_class = None

    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    @action(detail=False, methods=["get"], url_path="schema", url_name="schema")
    def wishes(self, request: Request) -> Response:
        """Return the JSON Schema of `sla`: what may be wished of the place."""
        return Response(SCHEMA)

    @extend_schema(request=DryRunIn, responses=DryRunOut)
    @action(detail=False, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request) -> Response:
        """Say where this would go, and why not elsewhere; nothing is placed. For operators."""
        if Right.OPERATE not in request._request.rights:  # type: ignore[attr-defined]
            raise PermissionDenied
        asked = DryRunIn(data=request.data)
        asked.is_valid(raise_exception=True)
        ranking = services.dry_run(_wish(request, asked.validated_data))
        return Response(DryRunOut(_shown(ranking)).data)


def _wish(request: Request, asked: dict[str, Any]) -> Wish:
    if "instance" in asked:
        found = instance_for(request.user, asked["instance"], right=Right.OPERATE)
        return services.wish_of(found)
    buyer = organisation_for(request.user, asked["organisation"], right=Right.OPERATE)
    facts = {name: asked[name] for name in ("product", "memory_bytes", "disk_bytes", "sla")}
    return Wish(organisation=buyer.pk, path=buyer.path, **facts)


def _shown(ranking: Ranking) -> dict[str, Any]:
    fits = [
        {"node": one.reference, "name": one.name, "rank": rank, "reason": ""}
        for rank, one in enumerate(ranking.fits[:MOST], 1)
    ]
    refused = [
        {"node": one.reference, "name": one.name, "rank": None, "reason": reason}
        for one, reason in ranking.refused[:MOST]
    ]
    return {"fits": len(ranking.fits), "refused": len(ranking.refused), "nodes": fits + refused}
