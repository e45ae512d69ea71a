"""Tickets as JSON: open one, once per key; list, look, talk, close. Incidents are tickets."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.contracts.access import contract_for
from erp.customers.access import organisation_for
from erp.customers.states import Right
from erp.tickets import services
from erp.tickets.access import answers, ticket_for
from erp.tickets.models import Message, Ticket
from erp.tickets.queries import thread
from erp.tickets.states import Kind, State


class TicketOut(serializers.ModelSerializer[Ticket]):
    """A conversation without its messages."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    service = serializers.CharField(
        source="contract.reference", read_only=True, allow_null=True, default=None
    )
    kind = serializers.CharField(read_only=True)

    class Meta:
        model = Ticket
        fields = (
            "reference", "subject", "kind", "organisation", "service", "state", "state_since",
            "state_reason", "opened_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class TicketIn(serializers.Serializer[Any]):
    """What is the matter, for whom, about which service."""

    organisation = serializers.CharField(max_length=12, help_text="O-…")
    service = serializers.CharField(max_length=12, required=False, help_text="C-…")
    subject = serializers.CharField(max_length=200)
    body = serializers.CharField(max_length=20_000)


class MessageOut(serializers.ModelSerializer[Message]):
    """One message."""

    class Meta:
        model = Message
        fields = ("author", "body", "is_internal", "at")
        read_only_fields = fields


class MessageIn(serializers.Serializer[Any]):
    """What is said; staff may keep it among themselves."""

    body = serializers.CharField(max_length=20_000)
    is_internal = serializers.BooleanField(required=False, default=False)


class CloseIn(serializers.Serializer[Any]):
    """How it ended."""

    why = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)


class TicketsAsked(serializers.Serializer[Any]):
    """What a list of tickets may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    kind = serializers.ChoiceField(required=False, choices=Kind.choices)
    organisation = serializers.CharField(required=False, max_length=12)
    service = serializers.CharField(required=False, max_length=12)


class Tickets(Remembered[Ticket], Rows[Ticket]):
    """Tickets of the reader's organisations; incidents are tickets of their own kind."""

    queryset = Ticket.objects.none()
    serializer_class = TicketOut
    asks = TicketsAsked

    def get_queryset(self) -> QuerySet[Ticket]:
        """Return what this user may see."""
        asked, names = self.asked(), {"organisation": "organisation", "service": "contract"}
        of = {f"{names[name]}__reference": asked.pop(name) for name in names if name in asked}
        seen = Ticket.objects.visible_to(self.request.user).filter(**asked, **of)
        return seen.select_related("organisation", "contract")

    def get_object(self) -> Ticket:
        """Return one ticket."""
        return ticket_for(self.request.user, self.kwargs["reference"], right=Right.SEE)

    @extend_schema(request=TicketIn, responses={201: TicketOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Open a ticket; the same key again answers with the same ticket."""
        key = idempotency_key(request)
        facts, user = filled(TicketIn, request), request.user
        reference, service = facts.pop("organisation"), facts.pop("service", None)
        organisation = organisation_for(user, reference, right=Right.WRITE_TICKETS)
        contract = contract_for(user, service, right=Right.WRITE_TICKETS) if service else None
        ticket = services.open_ticket(
            organisation, contract=contract, key=key, at=now(), by=user.get_username(), **facts
        )
        return Response(TicketOut(ticket).data, status=201)

    @extend_schema(responses=MessageOut(many=True))
    @action(detail=True, methods=["get"])
    def messages(self, request: Request, reference: str) -> Response:
        """Return the conversation, newest first."""
        ticket = self.get_object()
        is_staff = answers(request.user, ticket.organisation)
        return paged(self, thread(ticket, is_staff=is_staff), MessageOut)

    @extend_schema(request=MessageIn, responses={201: MessageOut}, parameters=[KEY_HEADER])
    @messages.mapping.post
    def say(self, request: Request, reference: str) -> Response:
        """Say something; the same key again answers with the same message."""
        ticket = ticket_for(request.user, reference, right=Right.WRITE_TICKETS)
        key, facts = idempotency_key(request), filled(MessageIn, request)
        is_staff = answers(request.user, ticket.organisation)
        if facts["is_internal"] and not is_staff:
            raise PermissionDenied
        body, by = facts.pop("body"), who(request)
        said = services.reply(ticket, body, at=now(), by=by, is_staff=is_staff, key=key, **facts)
        return Response(MessageOut(said).data, status=201)

    @extend_schema(request=CloseIn, responses=TicketOut)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, reference: str) -> Response:
        """End the conversation; a new message opens it again."""
        ticket = ticket_for(request.user, reference, right=Right.WRITE_TICKETS)
        services.close(ticket, at=now(), by=who(request), **filled(CloseIn, request))
        return Response(TicketOut(ticket).data)
