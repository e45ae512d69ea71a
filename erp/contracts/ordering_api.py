"""Orders as JSON: ask for the price, place one, once per key; list, look, decide.

Placing may make the contract at once.
"""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows
from erp.catalogue.models import Plan
from erp.contracts import services
from erp.contracts.queries import first_month_minor, setup_minor
from erp.customers.access import organisation_for, require
from erp.customers.replies import keep
from erp.customers.states import Right
from erp.orders import services as orders
from erp.orders.access import order_for
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
    sla = serializers.DictField(read_only=True)
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


class PriceShown(serializers.Serializer[Any]):
    """A price as it was shown: it stays what it was."""

    kind = serializers.CharField()
    meter = serializers.CharField()
    unit = serializers.CharField()
    unit_price = serializers.CharField()
    included_quantity = serializers.CharField()
    terms = serializers.DictField()


class QuoteOut(serializers.Serializer[Order]):
    """What an order would cost, without tax, and whether it would be accepted at once."""

    plan = serializers.CharField(source="plan.code")
    currency = serializers.CharField()
    setup_minor = serializers.SerializerMethodField()
    monthly_minor = serializers.IntegerField()
    first_month_minor = serializers.SerializerMethodField()
    prices = serializers.SerializerMethodField()
    is_accepted_at_once = serializers.SerializerMethodField()

    def get_is_accepted_at_once(self, order: Order) -> bool:
        """Return whether it would not wait for the seller."""
        return bool(self.context["is_accepted"])

    def get_setup_minor(self, order: Order) -> int:
        """Return what is charged once."""
        return setup_minor(order.prices, order.currency)

    def get_first_month_minor(self, order: Order) -> int:
        """Return the first month before anything is used."""
        return first_month_minor(order)

    @extend_schema_field(PriceShown(many=True))
    def get_prices(self, order: Order) -> Any:
        """Return every price of the plan."""
        return PriceShown(order.prices, many=True).data


class WishIn(serializers.Serializer[Any]):
    """What is asked for."""

    organisation = serializers.CharField(max_length=12, help_text="Who buys: O-…")
    offer = serializers.CharField(max_length=12, help_text="P-…")
    plan = serializers.SlugField(max_length=40, help_text="The code of the plan.")
    parameters = serializers.DictField(required=False, default=dict)
    sla = serializers.DictField(
        required=False,
        default=dict,
        help_text="Wishes of the place that the offer allows: see /api/v1/placement/schema.",
    )


class OrderIn(WishIn):
    """What is asked for, and its name."""

    name = serializers.CharField(max_length=100, help_text="How you call the service.")


class RefuseIn(serializers.Serializer[Any]):
    """Why it is refused; the buyer reads it."""

    why = serializers.CharField(max_length=300)


class OrdersAsked(serializers.Serializer[Any]):
    """What a list of orders may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    organisation = serializers.CharField(required=False, max_length=12)


class Orders(Remembered[Order], Rows[Order]):
    """Orders of the reader's organisations."""

    queryset = Order.objects.none()
    serializer_class = OrderOut
    asks = OrdersAsked

    def get_queryset(self) -> QuerySet[Order]:
        """Return what this user may see."""
        asked = self.asked()
        if "organisation" in asked:
            asked["organisation__reference"] = asked.pop("organisation")
        seen = Order.objects.visible_to(self.request.user).filter(**asked)
        return seen.select_related("organisation", "seller", "plan__offer", "contract")

    def get_object(self) -> Order:
        """Return one order."""
        return order_for(self.request.user, self.kwargs["reference"], right=Right.SEE)

    @extend_schema(request=OrderIn, responses={201: OrderOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> HttpResponse | Response:
        """Place an order; the same key again answers with the same order."""
        key, _ = idempotency_key(request), request._request.body
        asked = filled(OrderIn, request)
        placed = self._decided(key, asked) or self._place(key, asked)
        data = OrderOut(placed).data
        # What waits for the seller is looked at again by a repeat; what is decided stays so.
        is_decided = placed.state != State.PLACED
        return keep(request, data) if is_decided else Response(data, status=201)

    @extend_schema(request=WishIn, responses=QuoteOut)
    @action(detail=False, methods=["post"], pagination_class=None)
    def quote(self, request: Request) -> Response:
        """Say what an order would cost; nothing is ordered."""
        asked = filled(WishIn, request)
        buyer = organisation_for(request.user, asked["organisation"], right=Right.ORDER)
        wish = _wish("quote", _plan_of(asked), asked | {"name": "A quote"})
        order, is_accepted = services.quote(buyer, wish, by=who(request), at=now())
        return Response(QuoteOut(order, context={"is_accepted": is_accepted}).data)

    @extend_schema(request=None, responses=OrderOut)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, reference: str) -> Response:
        """Accept an order that waits: it becomes a service."""
        found = order_for(request.user, reference, right=Right.DECIDE_ORDERS)
        services.accept(found, by=who(request), at=now())
        return Response(OrderOut(self.get_object()).data)

    @extend_schema(request=RefuseIn, responses=OrderOut)
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, reference: str) -> Response:
        """Refuse an order that waits, with a reason."""
        found = order_for(request.user, reference, right=Right.DECIDE_ORDERS)
        orders.refuse(found, by=who(request), at=now(), **filled(RefuseIn, request))
        return Response(OrderOut(self.get_object()).data)

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
        wish = _wish(key, _plan_of(facts), facts)
        placed = services.order(buyer, wish, by=user.get_username(), at=now())
        return self.get_queryset().get(pk=placed.pk)


def _plan_of(facts: Mapping[str, Any]) -> Plan:
    """Return the plan: row-level security shows those of the buyer's own sellers and no others."""
    plans = Plan.objects.select_related("offer").filter(offer__reference=facts["offer"])
    return get_object_or_404(plans, code=facts["plan"])


def _wish(key: str, plan: Plan, facts: Mapping[str, Any]) -> Wish:
    return Wish(key=key, plan=plan, **{name: facts[name] for name in _ASKED})
