"""The catalogue as JSON: what can be bought and at which price; offers, plans and price lists."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, LARGEST, cleaned, filled, who
from erp.base.doors import now
from erp.base.rows import Rows, paged
from erp.catalogue import queries, services
from erp.catalogue.access import offer_for, price_list_for, provider_of, sellers_of
from erp.catalogue.forms import PlanForm, PriceForm
from erp.catalogue.models import Offer, Plan, Price, PriceKind, PriceList
from erp.catalogue.queries import OnShelf
from erp.customers.access import organisation_for
from erp.customers.models import Organisation
from erp.customers.replies import once
from erp.customers.states import Right
from erp.ports import placement_source, product_source


class PlanOut(serializers.ModelSerializer[Plan]):
    """A size of an offer."""

    limits = serializers.DictField(read_only=True)
    sla = serializers.DictField(read_only=True, help_text="What the plan fixes of the place.")

    class Meta:
        model = Plan
        fields = ("code", "name", "summary", "limits", "sla")
        read_only_fields = fields


class OfferOut(serializers.ModelSerializer[Offer]):
    """A software product on sale, with its plans."""

    plans = PlanOut(many=True, read_only=True)

    class Meta:
        model = Offer
        fields = (
            "reference", "name", "summary", "product", "software_type", "is_open", "wishes", "plans"
        )  # fmt: skip
        read_only_fields = fields


class OfferIn(serializers.Serializer[Any]):
    """What is offered: a product that is published, and what its buyer may wish of the place."""

    name = serializers.CharField(max_length=100)
    summary = serializers.CharField(max_length=500)
    product = serializers.CharField(max_length=60)
    software_type = serializers.CharField(max_length=60, required=False, default="default")
    wishes = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=20
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Accept what is published and known of the place."""
        products = {one.name: one for one in product_source().products()}
        product = products.get(attrs["product"])
        if product is None or attrs["software_type"] not in product.software_types:
            raise serializers.ValidationError({"product": ["No such product is published."]})
        unknown = set(attrs.get("wishes", ())) - {name for name, _ in placement_source().wishes()}
        if unknown:
            said = f"Nobody can wish the {', '.join(sorted(unknown))} of a place."
            raise serializers.ValidationError({"wishes": [said]})
        return attrs


class PlanIn(serializers.Serializer[Any]):
    """A size of an offer."""

    code = serializers.SlugField(max_length=40)
    name = serializers.CharField(max_length=100)
    summary = serializers.CharField(max_length=500, required=False, allow_blank=True)
    sla = serializers.DictField(required=False)


class PriceOut(serializers.ModelSerializer[Price]):
    """One price: recurring a month, set-up once, metered per unit beyond what is included."""

    kind = serializers.CharField(read_only=True)
    terms = serializers.DictField(read_only=True)

    class Meta:
        model = Price
        fields: tuple[str, ...] = (
            "kind",
            "meter",
            "unit",
            "unit_price",
            "included_quantity",
            "terms",
        )
        read_only_fields = fields


class ListPriceOut(PriceOut):
    """A price with the plan that it is of."""

    offer = serializers.CharField(source="plan.offer.reference", read_only=True)
    plan = serializers.CharField(source="plan.code", read_only=True)

    class Meta(PriceOut.Meta):
        fields = ("offer", "plan", *PriceOut.Meta.fields)
        read_only_fields = fields


class OnSaleOut(serializers.Serializer[Any]):
    """A plan that can be bought now, with its prices."""

    offer = serializers.CharField(source="plan.offer.reference")
    offer_name = serializers.CharField(source="plan.offer.name")
    summary = serializers.CharField(source="plan.offer.summary")
    plan = PlanOut()
    currency = serializers.CharField()
    monthly_minor = serializers.IntegerField()
    prices = serializers.SerializerMethodField()

    @extend_schema_field(PriceOut(many=True))
    def get_prices(self, item: OnShelf) -> Any:
        """Return all prices of the plan."""
        found = [one for one in (item.setup, item.recurring, *item.metered) if one]
        return PriceOut(found, many=True).data


class OfferOnSaleOut(serializers.Serializer[Any]):
    """What an order of an offer may say."""

    offer = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    parameters = serializers.DictField(help_text="JSON Schema of the parameters.")
    wishes = serializers.ListField(
        child=serializers.CharField(), help_text="What the buyer may wish of the place."
    )
    plans = OnSaleOut(many=True)


class Catalogue(viewsets.GenericViewSet[Any]):
    """What an organisation (O-…) can buy now, at the prices of its seller."""

    queryset = Organisation.objects.none()
    serializer_class = OnSaleOut
    lookup_field = "reference"

    @extend_schema(responses=OnSaleOut(many=True))
    def retrieve(self, request: Request, reference: str) -> Response:
        """List the plans on sale."""
        prices = self._price_list()
        page = self.paginate_queryset(queries.plans_on_sale(prices))
        return self.get_paginated_response(_on_sale(page or (), prices))

    @extend_schema(
        responses=OfferOnSaleOut,
        parameters=[OpenApiParameter("offer", str, "path", description="P-…")],
    )
    @action(detail=True, methods=["get"], url_path="offers/(?P<offer>[^/.]+)", url_name="offer")
    def offer(self, request: Request, reference: str, offer: str) -> Response:
        """Return one offer with what its orders may say."""
        prices = self._price_list()
        plans = list(queries.plans_on_sale(prices).filter(offer__reference=offer))
        if not plans:
            raise Http404
        found = plans[0].offer
        facts = {
            "offer": found.reference,
            "name": found.name,
            "summary": found.summary,
            "parameters": product_source().schema(found.product, found.software_type),
            "wishes": found.wishes,
        }
        return Response({**facts, "plans": _on_sale(plans, prices)})

    def _price_list(self) -> PriceList:
        buyer = organisation_for(self.request.user, self.kwargs["reference"], right=Right.SEE)
        return queries.price_list_of(queries.seller_of(buyer), buyer.currency, now(), buyer=buyer)


def _on_sale(plans: Iterable[Any], prices: PriceList) -> Any:
    items = [queries.on_shelf(one.in_list, prices.currency) for one in plans]
    return OnSaleOut(items, many=True).data


class Offers(Rows[Offer]):
    """The provider's catalogue, for who keeps it."""

    queryset = Offer.objects.none()
    serializer_class = OfferOut
    needs = frozenset({Right.MANAGE_PRICES})

    def get_queryset(self) -> QuerySet[Offer]:
        """Return the offers of the provider."""
        provider = provider_of(self.request.user)
        return Offer.objects.filter(organisation=provider).prefetch_related("plans")

    def get_object(self) -> Offer:
        """Return one offer."""
        return offer_for(self.request.user, self.kwargs["reference"])

    @extend_schema(request=OfferIn, responses={201: OfferOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> HttpResponse:
        """Offer a software product; resellers sell it on."""
        provider = provider_of(request.user)
        if provider is None:
            self.permission_denied(request)

        def make() -> Any:
            facts = filled(OfferIn, request)
            made = services.add_offer(provider, at=now(), by=who(request), **facts)
            return OfferOut(made).data

        return once(request, make)

    @extend_schema(request=PlanIn, responses={201: OfferOut})
    @action(detail=True, methods=["post"])
    def plans(self, request: Request, reference: str) -> Response:
        """Add a plan; its code is there once."""
        offer, asked = self.get_object(), filled(PlanIn, request)
        services.add_plan(offer, **cleaned(PlanForm(asked)))
        return Response(OfferOut(self.get_object()).data, status=201)


class PriceListOut(serializers.ModelSerializer[PriceList]):
    """A seller's prices in one currency, valid over [starts_at, ends_at)."""

    seller = serializers.CharField(source="organisation.reference", read_only=True)

    class Meta:
        model = PriceList
        fields = ("reference", "name", "seller", "currency", "starts_at", "ends_at")
        read_only_fields = fields


class PriceListIn(serializers.Serializer[Any]):
    """A dated price list."""

    seller = serializers.CharField(max_length=12, required=False, help_text="O-…; yours if empty.")
    name = serializers.CharField(max_length=100)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(required=False, allow_null=True)


class EndListIn(serializers.Serializer[Any]):
    """When the list ends; the next can begin at that moment."""

    ends_at = serializers.DateTimeField()


class PriceIn(serializers.Serializer[Any]):
    """One price of a plan; setting it again replaces it."""

    offer = serializers.CharField(max_length=12, help_text="P-…")
    plan = serializers.SlugField(max_length=40)
    kind = serializers.ChoiceField(choices=PriceKind.choices)
    meter = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    unit = serializers.CharField(max_length=20, required=False, allow_blank=True, default="")
    unit_price = serializers.DecimalField(max_digits=20, decimal_places=9, min_value=0)
    included_quantity = serializers.DecimalField(
        max_digits=20,
        decimal_places=6,
        min_value=0,
        max_value=LARGEST,
        required=False,
        default=Decimal(0),
    )
    terms = serializers.DictField(
        required=False, default=dict, help_text="Tiers, packages, bounds: see docs/rating.md."
    )


class PriceLists(Rows[PriceList]):
    """Price lists of the sellers whose prices the reader keeps."""

    queryset = PriceList.objects.none()
    serializer_class = PriceListOut
    needs = frozenset({Right.MANAGE_PRICES})

    def get_queryset(self) -> QuerySet[PriceList]:
        """Return what this user may see."""
        return queries.lists_of(self.request.user)

    def get_object(self) -> PriceList:
        """Return one list."""
        is_read = self.request.method in {"GET", "HEAD", "OPTIONS"}
        return price_list_for(self.request.user, self.kwargs["reference"], to_write=not is_read)

    @extend_schema(request=PriceListIn, responses={201: PriceListOut})
    def create(self, request: Request) -> Response:
        """Publish a list; two of one seller in one currency never overlap."""
        asked = filled(PriceListIn, request)
        name = asked.pop("seller", None)
        sellers = [one for one in sellers_of(request.user) if name in (None, one.reference)]
        if not sellers:
            self.permission_denied(request)
        made = services.add_price_list(sellers[0], at=now(), by=who(request), **asked)
        return Response(PriceListOut(made).data, status=201)

    @extend_schema(request=EndListIn, responses=PriceListOut)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, reference: str) -> Response:
        """Let a list end; prices that were valid stay so."""
        found, asked = self.get_object(), filled(EndListIn, request)
        services.end_price_list(found, at=now(), by=who(request), **asked)
        return Response(PriceListOut(found).data)

    @extend_schema(responses=ListPriceOut(many=True))
    @action(detail=True, methods=["get"])
    def prices(self, request: Request, reference: str) -> Response:
        """Return the prices of a list."""
        return paged(self, self.get_object().prices.select_related("plan__offer"), ListPriceOut)

    @extend_schema(request=PriceIn, responses=ListPriceOut)
    @prices.mapping.put
    def set_price(self, request: Request, reference: str) -> Response:
        """Set one price; the same again changes nothing."""
        found, asked = self.get_object(), filled(PriceIn, request)
        named = {"offer__reference": asked.pop("offer"), "code": asked.pop("plan")}
        plan = Plan.objects.select_related("offer").filter(**named).first()
        if plan is None:
            raise Http404
        terms = asked.pop("terms")
        typed = {name: str(value) for name, value in asked.items()} | {"plan": plan.pk}
        facts = cleaned(PriceForm(typed)) | {"plan": plan, "terms": terms}
        return Response(ListPriceOut(services.set_price(found, **facts)).data)
