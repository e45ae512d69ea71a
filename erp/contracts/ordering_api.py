"""Orders as JSON: place one, once per key; list, look. Placing may make the contract at once."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, idempotency_key
from erp.base.doors import now
from erp.catalogue.models import Plan
from erp.contracts import services
from erp.customers.access import organisation_for, require
from erp.customers.states import Right
from erp.orders.models import Order
from erp.orders.services import KeyReused, Wish, check_same
from erp.orders.states import State

_ASKED = ("name", "parameters", "sla")
# What is compared and answered of an order that is there.
_SHOWN = (
    "reference", "name", "parameters", "sla", "monthly_minor", "currency", "state", "state_since",
    "state_reason", "organisation__reference", "organisation__path", "seller__name", "plan__code",
    "plan__offer__reference", "plan__offer__product", "contract__reference", "contract__order",
)  # fmt: skip


class OrderOut(serializers.ModelSerializer[Order]):
    """What was asked, and what became of it."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    seller = serializers.CharField(source="seller.name", read_only=True)
    offer = serializers.CharField(source="plan.offer.reference", read_only=True)
    parameters = serializers.DictField(source="shown_parameters", read_only=True)
    plan = serializers.CharField(source="plan.code", read_only=True)
    service = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = (
            "reference", "name", "organisation", "seller", "offer", "plan", "parameters", "sla",
            "monthly_minor", "currency", "state", "state_since", "state_reason", "service",
        )  # fmt: skip
        read_only_fields = fields

    def get_service(self, order: Order) -> str | None:
        """Return the reference of the contract that it became."""
        contract = getattr(order, "contract", None)
        return str(contract.reference) if contract else None


class OrderIn(serializers.Serializer[Any]):
    """What is asked for."""

    organisation = serializers.CharField(max_length=12, help_text="Who buys: O-…")
    offer = serializers.CharField(max_length=12, help_text="P-…")
    plan = serializers.SlugField(max_length=40, help_text="The code of the plan.")
    name = serializers.CharField(max_length=100, help_text="How you call the service.")
    parameters = serializers.DictField(required=False, default=dict)
    sla = serializers.DictField(
        required=False,
        default=dict,
        help_text="Wishes of the place that the offer allows: see /api/v1/placement/schema.",
    )


class Orders(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Order]):
    """Orders of the reader's organisations."""

    queryset = Order.objects.none()
    serializer_class = OrderOut
    lookup_field = "reference"

    def get_queryset(self) -> QuerySet[Order]:
        """Return what this user may see."""
        seen = Order.objects.visible_to(self.request.user)
        return seen.select_related("organisation", "seller", "plan__offer", "contract")

    @extend_schema(request=OrderIn, responses={201: OrderOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Place an order; the same key again answers with the same order."""
        key = idempotency_key(request)
        asked = OrderIn(data=request.data)
        asked.is_valid(raise_exception=True)
        placed = self._decided(key, asked.validated_data) or self._place(key, asked.validated_data)
        return Response(OrderOut(placed).data, status=201)

    def _decided(self, key: str, facts: Mapping[str, Any]) -> Order | None:
        """Return the order that the key names already, once it is decided: with one statement.

        Raises:
            KeyReused: the key names another wish.
        """
        named = {"organisation__reference": facts["organisation"], "idempotency_key": key}
        decided = self.get_queryset().filter(**named).exclude(state=State.PLACED)
        # The key is unique, so there is nothing to put in order; whole rows of all are not needed.
        found = next(iter(decided.order_by().only(*_SHOWN)[:1]), None)
        if found:
            require(self.request.user, found.organisation, Right.ORDER)
            if (found.plan.offer.reference, found.plan.code) != (facts["offer"], facts["plan"]):
                raise KeyReused
            check_same(found, _wish(key, found.plan, facts))
        return found

    def _place(self, key: str, facts: Mapping[str, Any]) -> Order:
        user = self.request.user
        buyer = organisation_for(user, facts["organisation"], right=Right.ORDER)
        # Row-level security shows the plans of the buyer's own sellers and no others.
        plans = Plan.objects.select_related("offer").filter(offer__reference=facts["offer"])
        plan = get_object_or_404(plans, code=facts["plan"])
        wish = _wish(key, plan, facts)
        placed = services.order(buyer, wish, by=user.get_username(), at=now())
        return self.get_queryset().get(pk=placed.pk)


def _wish(key: str, plan: Plan, facts: Mapping[str, Any]) -> Wish:
    return Wish(key=key, plan=plan, **{name: facts[name] for name in _ASKED})
