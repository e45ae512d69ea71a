"""How well services keep their promises, as JSON. The incidents themselves are tickets."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.doors import now
from erp.base.periods import Period
from erp.base.rows import Rows
from erp.contracts.access import contract_for
from erp.customers.states import Right
from orchestration.monitoring import measures
from orchestration.monitoring.models import Outage

LONGEST = timedelta(days=400)
_USUAL = timedelta(days=30)


class OutageOut(serializers.ModelSerializer[Outage]):
    """One promise of one instance failed over [since, until); an open one still fails."""

    instance = serializers.CharField(  # type: ignore[assignment]
        source="instance.reference", read_only=True
    )
    service = serializers.CharField(source="instance.line.contract.reference", read_only=True)
    incident = serializers.CharField(source="ticket.reference", read_only=True, allow_null=True)

    class Meta:
        model = Outage
        fields = ("instance", "service", "promise", "message", "since", "until", "incident")
        read_only_fields = fields


class OutagesAsked(serializers.Serializer[Any]):
    """What a list of outages may be asked for."""

    service = serializers.CharField(required=False, max_length=12, help_text="C-…")
    is_open = serializers.BooleanField(required=False, allow_null=True, default=None)


class Outages(Rows[Outage]):
    """When promises were not kept, newest first."""

    queryset = Outage.objects.none()
    serializer_class = OutageOut
    asks = OutagesAsked
    lookup_field = "id"
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Outage]:
        """Return what this user may see."""
        asked, found = self.asked(), Outage.objects.visible_to(self.request.user)
        if "service" in asked:
            found = found.filter(instance__line__contract__reference=asked["service"])
        if asked.get("is_open") is not None:
            found = found.filter(until__isnull=asked["is_open"])
        return found.select_related("instance__line__contract", "ticket")


class PeriodIn(serializers.Serializer[Any]):
    """Which time; the last 30 days where nothing is sent."""

    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take a time that ends after it starts, and is not endless."""
        until = attrs.get("until") or now()
        since = attrs.get("since") or until - _USUAL
        if not timedelta(0) < until - since <= LONGEST:
            raise serializers.ValidationError("Ask for at most 400 days that end after they start.")
        return {"since": since, "until": until}


class AvailabilityOut(serializers.Serializer[Any]):
    """How available one line of a service was; null where nobody can say."""

    position = serializers.IntegerField()
    name = serializers.CharField()
    share = serializers.CharField(allow_null=True, help_text="1 is always.")
    down_seconds = serializers.CharField(allow_null=True)
    unseen_seconds = serializers.CharField(allow_null=True)
    stopped_seconds = serializers.CharField(allow_null=True)


class Availabilities(viewsets.GenericViewSet[Any]):
    """How available services were."""

    serializer_class = AvailabilityOut
    lookup_field = "reference"
    pagination_class = None

    @extend_schema(
        responses=AvailabilityOut(many=True),
        parameters=[PeriodIn, OpenApiParameter("reference", str, "path")],
    )
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return how available each line of one service (C-…) was."""
        contract = contract_for(request.user, reference, right=Right.SEE)
        asked = PeriodIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        lines = list(contract.lines.order_by("position"))
        period = Period(asked.validated_data["since"], asked.validated_data["until"])
        found = measures.of_lines([line.pk for line in lines], period=period)
        rows = [_row(line, found.get(line.pk)) for line in lines]
        return Response(AvailabilityOut(rows, many=True).data)


def _row(line: Any, found: Any) -> dict[str, Any]:
    names = ("share", "down_seconds", "unseen_seconds", "stopped_seconds")
    facts = {name: getattr(found, name) if found else None for name in names}
    return {"position": line.position, "name": line.name} | facts
