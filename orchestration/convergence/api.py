"""What was said to nodes and done on them, as JSON for operators: passes with plan and log."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.rows import Rows
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.convergence.models import ConvergencePass


class PassOut(serializers.ModelSerializer[ConvergencePass]):
    """One conversation with a node in which something changed or failed."""

    id = serializers.IntegerField(read_only=True)
    node = serializers.CharField(source="node.reference", read_only=True)
    plan = serializers.ListField(child=serializers.JSONField(), read_only=True)

    class Meta:
        model = ConvergencePass
        fields: tuple[str, ...] = (
            "id",
            "node",
            "why",
            "revision",
            "plan",
            "outcome",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class WholePassOut(PassOut):
    """A pass with its log."""

    class Meta(PassOut.Meta):
        fields = (*PassOut.Meta.fields, "log")
        read_only_fields = fields


class PassesAsked(serializers.Serializer[Any]):
    """What a list of passes may be asked for."""

    node = serializers.CharField(required=False, max_length=12, help_text="N-…")


class Passes(Rows[ConvergencePass]):
    """Passes over nodes, newest first."""

    queryset = ConvergencePass.objects.none()
    serializer_class = PassOut
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"
    asks = PassesAsked
    needs = frozenset({Right.OPERATE})

    def get_queryset(self) -> QuerySet[ConvergencePass]:
        """Return what this user may see."""
        asked = self.asked()
        seen = ConvergencePass.objects.visible_to(self.request.user).select_related("node")
        return seen.filter(node__reference=asked["node"]) if "node" in asked else seen.defer("log")

    def get_object(self) -> ConvergencePass:
        """Return one pass."""
        seen = ConvergencePass.objects.visible_to(self.request.user)
        found = get_object_or_404(
            seen.select_related("node", "organisation"), pk=int(self.kwargs["id"])
        )
        require(self.request.user, found.organisation, Right.OPERATE)
        return found

    @extend_schema(responses=WholePassOut)
    def retrieve(self, request: Request, **named: str) -> Response:
        """Return one pass with its log."""
        return Response(WholePassOut(self.get_object()).data)
