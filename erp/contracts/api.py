"""Services as JSON: list, look, change parameters, suspend, resume, end."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows
from erp.base.secret_parameters import shown
from erp.contracts import changes, services
from erp.contracts.access import contract_for, contract_to_start
from erp.contracts.models import Contract, ContractLine, LineChange
from erp.contracts.states import State
from erp.customers.access import require
from erp.customers.states import Right

_AT_LINE = "lines/(?P<position>[0-9]{1,4})"
POSITION = OpenApiParameter(
    "position", int, "path", description="The number of the line, from 1 to 9999."
)


class LineOut(serializers.ModelSerializer[ContractLine]):
    """One thing sold under a contract."""

    plan = serializers.CharField(source="plan.code", read_only=True)
    offer = serializers.CharField(source="plan.offer.reference", read_only=True)
    parameters = serializers.DictField(source="shown_parameters", read_only=True)
    sla = serializers.DictField(read_only=True)

    class Meta:
        model = ContractLine
        fields = ("position", "name", "offer", "plan", "parameters", "sla", "quantity")
        read_only_fields = fields


class ServiceOut(serializers.ModelSerializer[Contract]):
    """A contract and its state."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    seller = serializers.CharField(source="seller.name", read_only=True)
    monthly_minor = serializers.IntegerField(
        source="order.monthly_minor", read_only=True, allow_null=True,
        help_text="The base price of a month, as ordered.",
    )  # fmt: skip
    lines = LineOut(many=True, read_only=True)

    class Meta:
        model = Contract
        fields = (
            "reference", "name", "organisation", "seller", "currency", "monthly_minor", "state",
            "state_since", "state_reason", "starts_at", "ends_at", "lines",
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


class ParametersIn(serializers.Serializer[Any]):
    """All that the software is told; a secret that is not sent again stays what it was."""

    parameters = serializers.DictField()


class ParametersChangeOut(serializers.Serializer[Any]):
    """What would change; secrets are named and not shown."""

    is_changed = serializers.BooleanField()
    changes = serializers.ListField(child=serializers.CharField())
    before = serializers.DictField()
    after = serializers.DictField()


class ResizeIn(serializers.Serializer[Any]):
    """Another plan of the same offer, another quantity, or both."""

    plan = serializers.SlugField(max_length=40, required=False, help_text="The code of the plan.")
    quantity = serializers.DecimalField(
        max_digits=12, decimal_places=3, min_value=Decimal("0.001"), required=False
    )
    seen = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True,
        help_text="What the outlook said: refused when the line moved since.",
    )  # fmt: skip


class OutlookOut(serializers.Serializer[changes.Outlook]):
    """What a change would make of a line, and when: now for more, at the renewal for less."""

    plan = serializers.CharField(source="plan.code")
    quantity = serializers.CharField()
    effective_at = serializers.DateTimeField()
    before_minor = serializers.IntegerField(help_text="The base price of a month before.")
    after_minor = serializers.IntegerField()
    more_minor = serializers.IntegerField()
    pays_the_month = serializers.BooleanField()
    seen = serializers.SerializerMethodField()

    def get_seen(self, outlook: changes.Outlook) -> str:
        """Return what names the line as it is now."""
        return changes.seen_of(outlook.line)


class LineChangeOut(serializers.ModelSerializer[LineChange]):
    """A change of plan or quantity: applied, planned for the renewal, or cancelled."""

    plan = serializers.CharField(source="to_plan.code", read_only=True)
    quantity = serializers.DecimalField(
        source="to_quantity", max_digits=12, decimal_places=3, read_only=True
    )

    class Meta:
        model = LineChange
        fields = (
            "reference", "plan", "quantity", "state", "state_since", "effective_at",
            "monthly_before_minor", "monthly_after_minor", "asked_at", "asked_by",
        )  # fmt: skip
        read_only_fields = fields


class ServicesAsked(serializers.Serializer[Any]):
    """What a list of services may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    organisation = serializers.CharField(required=False, max_length=12)
    name = serializers.CharField(required=False, max_length=100, help_text="Exactly this name.")


class Services(Remembered[Contract], Rows[Contract]):
    """Services of the reader's organisations; act by a named verb, never by PATCHing a state."""

    queryset = Contract.objects.none()
    serializer_class = ServiceOut
    asks = ServicesAsked

    def get_queryset(self) -> QuerySet[Contract]:
        """Return what this user may see."""
        asked = self.asked()
        if "organisation" in asked:
            asked["organisation__reference"] = asked.pop("organisation")
        seen = Contract.objects.visible_to(self.request.user).filter(is_wholesale=False, **asked)
        related = seen.select_related("organisation", "seller", "order")
        return related.prefetch_related("lines__plan__offer")

    def get_object(self) -> Contract:
        """Return one service."""
        return contract_for(self.request.user, self.kwargs["reference"], right=Right.SEE)

    def _managed(self) -> Contract:
        reference = self.kwargs["reference"]
        return contract_for(self.request.user, reference, right=Right.MANAGE_SERVICES)

    @extend_schema(request=SuspendIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, reference: str) -> Response:
        """Stop a service without ending the agreement."""
        contract = self._managed()
        services.suspend(contract, at=now(), by=who(request), **filled(SuspendIn, request))
        return Response(ServiceOut(contract).data)

    @extend_schema(request=ResumeIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, reference: str) -> Response:
        """Let a stopped service run again."""
        contract = contract_to_start(request.user, reference)
        services.resume(contract, at=now(), by=who(request), **filled(ResumeIn, request))
        return Response(ServiceOut(contract).data)

    @extend_schema(request=EndIn, responses=ServiceOut)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, reference: str) -> Response:
        """End the agreement; what ran is destroyed after the retention."""
        contract = self._managed()
        why = filled(EndIn, request, contract=contract)["why"]
        services.end(contract, at=now(), by=who(request), why=why)
        return Response(ServiceOut(contract).data)

    @extend_schema(request=ParametersIn, responses=ServiceOut, parameters=[POSITION])
    @action(detail=True, methods=["put"], url_path=f"{_AT_LINE}/parameters")
    def parameters(self, request: Request, reference: str, position: str) -> Response:
        """Change what the software is told; the same again changes nothing."""
        line = get_object_or_404(self._managed().lines, position=int(position))
        asked = filled(ParametersIn, request)["parameters"]
        services.change_parameters(line, asked, at=now(), by=who(request))
        return Response(ServiceOut(self.get_object()).data)

    @extend_schema(request=ParametersIn, responses=ParametersChangeOut, parameters=[POSITION])
    @action(detail=True, methods=["post"], url_path=f"{_AT_LINE}/plan")
    def plan(self, request: Request, reference: str, position: str) -> Response:
        """Say what other parameters would change; nothing is changed."""
        line = get_object_or_404(self._managed().lines, position=int(position))
        asked = filled(ParametersIn, request)["parameters"]
        before, after = line.parameters, services.parameters_after(line, asked)
        names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        facts = {"is_changed": before != after, "changes": sorted(names)}
        shows = {"before": shown(before), "after": shown(after)}
        return Response(ParametersChangeOut(facts | shows).data)

    @extend_schema(request=ResizeIn, responses=OutlookOut, parameters=[POSITION])
    @action(detail=True, methods=["post"], url_path=f"{_AT_LINE}/outlook")
    def outlook(self, request: Request, reference: str, position: str) -> Response:
        """Say what another plan or quantity would cost, and from when; nothing is changed."""
        line, wish = self._wish("outlook", position)
        found = changes.outlook(line, wish.plan, wish.quantity, at=now())
        return Response(OutlookOut(found).data)

    @extend_schema(
        request=ResizeIn, responses={201: LineChangeOut}, parameters=[POSITION, KEY_HEADER]
    )
    @action(detail=True, methods=["post"], url_path=f"{_AT_LINE}/resize")
    def resize(self, request: Request, reference: str, position: str) -> Response:
        """Change plan or quantity, once per key: now for more, at the renewal for less."""
        line, wish = self._wish("", position)
        wish = replace(wish, key=idempotency_key(request))
        made = changes.change(line, wish, at=now(), by=who(request))
        return Response(LineChangeOut(made).data, status=201)

    def _wish(self, key: str, position: str) -> tuple[ContractLine, changes.Wish]:
        contract, asked = self._managed(), filled(ResizeIn, self.request)
        require(self.request.user, contract.organisation, Right.ORDER)
        lines = contract.lines.select_related("plan__offer", "contract__seller")
        line = get_object_or_404(lines, position=int(position))
        code = asked.get("plan", line.plan.code)
        plan = get_object_or_404(line.plan.offer.plans.select_related("offer"), code=code)
        quantity = asked.get("quantity", line.quantity)
        return line, changes.Wish(key, plan, quantity, asked["seen"])
