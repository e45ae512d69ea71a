"""Services as JSON: list, look, suspend, resume, end."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.doors import now
from erp.contracts import services
from erp.contracts.access import contract_for, contract_to_start
from erp.contracts.models import Contract, ContractLine
from erp.customers.states import Right


class LineOut(serializers.ModelSerializer[ContractLine]):
    """One thing sold under a contract."""

    plan = serializers.CharField(source="plan.code", read_only=True)
    offer = serializers.CharField(source="plan.offer.reference", read_only=True)
    parameters = serializers.DictField(source="shown_parameters", read_only=True)

    class Meta:
        model = ContractLine
        fields = ("position", "name", "offer", "plan", "parameters", "sla", "quantity")
        read_only_fields = fields


class ServiceOut(serializers.ModelSerializer[Contract]):
    """A contract and its state."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    seller = serializers.CharField(source="seller.name", read_only=True)
    lines = LineOut(many=True, read_only=True)

    class Meta:
        model = Contract
        fields = (
            "reference", "name", "organisation", "seller", "currency", "state", "state_since",
            "state_reason", "starts_at", "ends_at", "lines",
        )  # fmt: skip
        read_only_fields = fields


class SuspendIn(serializers.Serializer[Any]):
    """Why it is stopped."""

    why = serializers.CharField(max_length=300)


class ResumeIn(serializers.Serializer[Any]):
    """Why it starts again, if anybody asks."""

    why = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class EndIn(SuspendIn):
    """Why it ends, and its name again: the data is deleted after the retention."""

    confirm = serializers.CharField(max_length=100, help_text="The name of the service.")

    def validate_confirm(self, typed: str) -> str:
        """Compare what was sent with the name."""
        name = self.context["contract"].name
        if typed != name:
            raise serializers.ValidationError(f"Send {name} to end the service.")
        return typed


class Services(viewsets.ReadOnlyModelViewSet[Contract]):
    """Services of the reader's organisations; act by a named verb, never by PATCHing a state."""

    queryset = Contract.objects.none()
    serializer_class = ServiceOut
    lookup_field = "reference"

    def get_queryset(self) -> QuerySet[Contract]:
        """Return what this user may see."""
        seen = Contract.objects.visible_to(self.request.user).filter(is_wholesale=False)
        return seen.select_related("organisation", "seller").prefetch_related("lines__plan__offer")

    @extend_schema(request=SuspendIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, reference: str) -> Response:
        """Stop a service without ending the agreement."""
        contract = contract_for(request.user, reference, right=Right.MANAGE_SERVICES)
        asked = SuspendIn(data=request.data)
        asked.is_valid(raise_exception=True)
        by = request.user.get_username()
        services.suspend(contract, at=now(), by=by, **asked.validated_data)
        return Response(ServiceOut(contract).data)

    @extend_schema(request=ResumeIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, reference: str) -> Response:
        """Let a stopped service run again."""
        contract = contract_to_start(request.user, reference)
        asked = ResumeIn(data=request.data)
        asked.is_valid(raise_exception=True)
        by = request.user.get_username()
        services.resume(contract, at=now(), by=by, **asked.validated_data)
        return Response(ServiceOut(contract).data)

    @extend_schema(request=EndIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, reference: str) -> Response:
        """End the agreement; what ran is destroyed after the retention."""
        contract = contract_for(request.user, reference, right=Right.MANAGE_SERVICES)
        asked = EndIn(data=request.data, context={"contract": contract})
        asked.is_valid(raise_exception=True)
        by, why = request.user.get_username(), asked.validated_data["why"]
        services.end(contract, at=now(), by=by, why=why)
        return Response(ServiceOut(contract).data)
