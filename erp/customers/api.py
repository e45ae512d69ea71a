"""Organisations as JSON: who the caller is, customers and resellers, their facts and members."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.forms import model_to_dict
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, LARGEST, cleaned, filled, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.customers import services, tokens
from erp.customers.access import (
    may_edit,
    may_grant,
    memberships_of,
    organisation_for,
    rights_of,
    tokens_for,
)
from erp.customers.forms import PARTY, MemberForm, NewPartyForm, PartyForm
from erp.customers.models import ApiToken, Member, Organisation
from erp.customers.replies import once
from erp.customers.states import InvoiceFormat, Kind, Right, Role

# Who is shown on which account an organisation is paid.
_SEE_ACCOUNTS = frozenset({Right.SEE_INVOICES, Right.MANAGE_CUSTOMERS})
_ADD: Mapping[str, Callable[..., Organisation]] = {
    Kind.CUSTOMER: services.add_customer,
    Kind.RESELLER: services.add_reseller,
}


class OrganisationOut(serializers.ModelSerializer[Organisation]):
    """A legal party; its account is null for who does not see invoices."""

    kind = serializers.CharField(read_only=True)
    invoice_format = serializers.CharField(read_only=True)
    parent = serializers.CharField(  # type: ignore[assignment]
        source="parent.reference", read_only=True, allow_null=True
    )
    iban = serializers.SerializerMethodField()
    bic = serializers.SerializerMethodField()

    class Meta:
        model = Organisation
        fields = (
            "reference", "kind", "parent", "name", "legal_id", "vat_number", "street", "postcode",
            "city", "country", "email", "phone", "electronic_address", "invoice_format",
            "buyer_reference", "iban", "bic", "currency", "language", "time_zone", "payment_days",
            "credit_limit_minor", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_iban(self, organisation: Organisation) -> str | None:
        """Return the account, to who sees it."""
        return organisation.iban if self._sees(organisation) else None

    def get_bic(self, organisation: Organisation) -> str | None:
        """Return the bank, to who sees it."""
        return organisation.bic if self._sees(organisation) else None

    def _sees(self, organisation: Organisation) -> bool:
        return bool(rights_of(self.context["user"], organisation) & _SEE_ACCOUNTS)


class FactsIn(serializers.Serializer[Any]):
    """What stands on invoices about a party; what is not sent stays as it is."""

    name = serializers.CharField(max_length=200, required=False)
    legal_id = serializers.CharField(max_length=40, required=False, allow_blank=True)
    vat_number = serializers.CharField(max_length=20, required=False, allow_blank=True)
    street = serializers.CharField(max_length=200, required=False, allow_blank=True)
    postcode = serializers.CharField(max_length=20, required=False, allow_blank=True)
    city = serializers.CharField(max_length=100, required=False, allow_blank=True)
    country = serializers.RegexField(r"^[A-Z]{2}$", required=False)
    email = serializers.EmailField(max_length=254, required=False)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    electronic_address = serializers.CharField(max_length=100, required=False, allow_blank=True)
    invoice_format = serializers.ChoiceField(choices=InvoiceFormat.choices, required=False)
    buyer_reference = serializers.CharField(max_length=60, required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=["en", "fr", "de"], required=False)
    iban = serializers.CharField(max_length=34, required=False, allow_blank=True)
    bic = serializers.CharField(max_length=11, required=False, allow_blank=True)


class OrganisationIn(FactsIn):
    """A new customer or reseller below one of the reader's sellers."""

    kind = serializers.ChoiceField(choices=[Kind.CUSTOMER, Kind.RESELLER])
    parent = serializers.CharField(  # type: ignore[assignment]
        max_length=12, help_text="Who sells to it: O-…"
    )
    name = serializers.CharField(max_length=200)
    email = serializers.EmailField(max_length=254)
    country = serializers.RegexField(r"^[A-Z]{2}$", required=False, help_text="As the parent's.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="As the parent's.")


class TermsIn(serializers.Serializer[Any]):
    """What the seller grants; a limit of null is none."""

    payment_days = serializers.IntegerField(min_value=0, max_value=365)
    credit_limit_minor = serializers.IntegerField(min_value=0, max_value=LARGEST, allow_null=True)


class MemberOut(serializers.ModelSerializer[Member]):
    """A person in an organisation."""

    email = serializers.CharField(source="user.email", read_only=True)
    role = serializers.CharField(read_only=True)

    class Meta:
        model = Member
        fields = ("email", "role")
        read_only_fields = fields


class MemberIn(serializers.Serializer[Any]):
    """A person and a role that this kind of organisation gives."""

    email = serializers.EmailField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


class TokenOut(serializers.ModelSerializer[ApiToken]):
    """A token without its text, which is shown once, on the page where it is made."""

    member = serializers.CharField(source="member.user.email", read_only=True)
    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = ApiToken
        fields = (
            "reference", "name", "member", "scopes", "created_at", "expires_at", "last_used_at",
            "revoked_at",
        )  # fmt: skip
        read_only_fields = fields


class MembershipOut(serializers.Serializer[Member]):
    """Where the caller is a member, and what they may do there and below."""

    organisation = serializers.CharField(source="organisation.reference")
    name = serializers.CharField(source="organisation.name")
    kind = serializers.CharField(source="organisation.kind")
    currency = serializers.CharField(source="organisation.currency")
    role = serializers.CharField()
    rights = serializers.SerializerMethodField()

    def get_rights(self, member: Member) -> list[str]:
        """Return them in a steady order; of a token, what it permits of them."""
        return sorted(str(right) for right in member.rights)


class MeOut(serializers.Serializer[Any]):
    """Who is calling."""

    email = serializers.CharField()
    token = serializers.CharField(allow_null=True, help_text="The reference of the token: K-…")
    memberships = MembershipOut(many=True)


class Me(viewsets.GenericViewSet[Any]):
    """The caller."""

    serializer_class = MeOut
    pagination_class = None

    @extend_schema(responses=MeOut, operation_id="me")
    def retrieve(self, request: Request) -> Response:
        """Say who is calling, and what they may do where."""
        token = request.auth
        facts = {
            "email": request.user.get_username(),
            "token": token.reference if isinstance(token, ApiToken) else None,
            "memberships": memberships_of(request.user),
        }
        return Response(MeOut(facts).data)


class OrganisationsAsked(serializers.Serializer[Any]):
    """What a list of organisations may be asked for."""

    q = serializers.CharField(required=False, max_length=100, help_text="Words of the name.")
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)


class Organisations(Remembered[Organisation], Rows[Organisation]):
    """The reader's organisations and all below them."""

    queryset = Organisation.objects.none()
    serializer_class = OrganisationOut
    asks = OrganisationsAsked

    def get_queryset(self) -> QuerySet[Organisation]:
        """Return what this user may see."""
        asked = self.asked()
        seen = Organisation.objects.visible_to(self.request.user).select_related("parent")
        for word in asked.get("q", "").split()[:5]:
            seen = seen.filter(Q(name__icontains=word) | Q(reference__iexact=word))
        return seen.filter(kind=asked["kind"]) if "kind" in asked else seen

    def get_object(self) -> Organisation:
        """Return one organisation."""
        return organisation_for(self.request.user, self.kwargs["reference"], right=Right.SEE)

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer who reads."""
        return {**super().get_serializer_context(), "user": self.request.user}

    def _shown(self, organisation: Organisation) -> Any:
        return OrganisationOut(organisation, context={"user": self.request.user}).data

    @extend_schema(
        request=OrganisationIn, responses={201: OrganisationOut}, parameters=[KEY_HEADER]
    )
    def create(self, request: Request) -> HttpResponse:
        """Found a customer of the provider or of a reseller, or a reseller of the provider."""

        def make() -> Any:
            asked = filled(OrganisationIn, request)
            kind, name = asked.pop("kind"), asked.pop("parent")
            parent = organisation_for(request.user, name, right=Right.MANAGE_CUSTOMERS)
            usual = {"country": parent.country, "currency": parent.currency}
            facts = cleaned(NewPartyForm(usual | asked))
            return self._shown(_ADD[kind](parent, at=now(), by=who(request), **facts))

        return once(request, make)

    @extend_schema(request=FactsIn, responses=OrganisationOut)
    def partial_update(self, request: Request, reference: str) -> Response:
        """Change what stands on invoices; issued ones keep what they said."""
        found = self.get_object()
        if not may_edit(request.user, found):
            raise PermissionDenied
        typed = model_to_dict(found, PARTY) | filled(FactsIn, request)
        facts = cleaned(PartyForm(typed, instance=self.get_object()))
        services.change_facts(found, at=now(), by=who(request), **facts)
        return Response(self._shown(self.get_object()))

    @extend_schema(request=TermsIn, responses=OrganisationOut)
    @action(detail=True, methods=["put"])
    def terms(self, request: Request, reference: str) -> Response:
        """Set what the seller grants: days to pay and the credit limit."""
        found = self.get_object()
        if not may_grant(request.user, found):
            raise PermissionDenied
        services.change_facts(found, at=now(), by=who(request), **filled(TermsIn, request))
        return Response(self._shown(self.get_object()))

    @extend_schema(responses=MemberOut(many=True))
    @action(detail=True, methods=["get"])
    def members(self, request: Request, reference: str) -> Response:
        """Return who is a member."""
        return paged(self, self.get_object().members.select_related("user"), MemberOut)

    @extend_schema(request=MemberIn, responses={201: MemberOut})
    @members.mapping.post
    def add_member(self, request: Request, reference: str) -> Response:
        """Make a person a member: they set their own password by the link of a mail."""
        found = organisation_for(request.user, reference, right=Right.MANAGE_MEMBERS)
        facts = cleaned(MemberForm(found, filled(MemberIn, request)))
        made = services.add_member(found, at=now(), by=who(request), **facts)
        return Response(MemberOut(made).data, status=201)

    @extend_schema(responses=TokenOut(many=True))
    @action(detail=True, methods=["get"])
    def tokens(self, request: Request, reference: str) -> Response:
        """Return the API tokens that the reader may revoke; they are made on a page only."""
        return paged(self, tokens_for(request.user, self.get_object()), TokenOut)

    @extend_schema(
        request=None, responses=TokenOut, parameters=[OpenApiParameter("token", str, "path")]
    )
    @action(detail=True, methods=["post"], url_path="tokens/(?P<token>[^/]+)/revoke")
    def revoke_token(self, request: Request, reference: str, token: str) -> Response:
        """Make a token good for nothing from now on; again changes nothing."""
        row = get_object_or_404(tokens_for(request.user, self.get_object()), reference=token)
        tokens.revoke(row, at=now(), by=who(request))
        row.refresh_from_db(fields=["revoked_at"])
        return Response(TokenOut(row).data)
