"""Webhooks, sent mails and preferences as JSON."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, cleaned, filled, idempotency_key, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.customers.access import memberships_of, organisation_for
from erp.customers.models import Member
from erp.customers.replies import once
from erp.customers.states import Right
from erp.outbox import queries, services, webhooks
from erp.outbox.access import delivery_for, endpoint_for, endpoints_of, mail_for
from erp.outbox.forms import EndpointForm
from erp.outbox.models import Delivery, Endpoint, Mail
from erp.outbox.states import EVENTS, OBLIGATORY, TOPIC_WORDS, State

_SWITCH = {"enable": webhooks.enable, "disable": webhooks.disable, "retire": webhooks.retire}


class EndpointOut(serializers.ModelSerializer[Endpoint]):
    """Where an organisation is told of events; its secret is asked for by itself."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    events = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Endpoint
        fields = (
            "reference", "organisation", "url", "events", "state", "state_since", "state_reason",
            "failing_since", "old_secret_until", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class EndpointFacts(serializers.Serializer[Any]):
    """Where to, and of what."""

    url = serializers.URLField(max_length=500, help_text="https://…, a public address.")
    events = serializers.MultipleChoiceField(choices=list(EVENTS), allow_empty=False)


class EndpointIn(EndpointFacts):
    """A new webhook."""

    organisation = serializers.CharField(max_length=12, help_text="O-…")


class SecretOut(serializers.Serializer[Any]):
    """What signs the calls, as the libraries of Standard Webhooks take it."""

    secret = serializers.CharField()


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    """One event on its way to one endpoint."""

    state = serializers.CharField(read_only=True)

    class Meta:
        model = Delivery
        fields = (
            "webhook_id", "event", "payload", "state", "state_since", "state_reason", "attempts",
            "next_attempt_at", "sent_at", "response_status", "response_text", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class EventKindOut(serializers.Serializer[Any]):
    """What a webhook may be told of."""

    name = serializers.CharField()
    words = serializers.CharField()


class WebhooksAsked(serializers.Serializer[Any]):
    """What a list of webhooks may be asked for."""

    organisation = serializers.CharField(required=False, max_length=12)


class Webhooks(Remembered[Endpoint], Rows[Endpoint]):
    """Webhooks of the organisations whose connections the reader manages."""

    queryset = Endpoint.objects.none()
    serializer_class = EndpointOut
    asks = WebhooksAsked
    needs = frozenset({Right.MANAGE_MEMBERS})

    def get_queryset(self) -> QuerySet[Endpoint]:
        """Return what this user may see."""
        asked, found = self.asked(), endpoints_of(self.request.user)
        if "organisation" in asked:
            found = found.filter(organisation__reference=asked["organisation"])
        return found

    def get_object(self) -> Endpoint:
        """Return one webhook."""
        return endpoint_for(self.request.user, self.kwargs["reference"])

    @extend_schema(request=EndpointIn, responses={201: EndpointOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> HttpResponse:
        """Add a webhook; ask for its secret next, then send a test."""

        def make() -> Any:
            asked = filled(EndpointIn, request)
            name = asked.pop("organisation")
            owner = organisation_for(request.user, name, right=Right.MANAGE_MEMBERS)
            facts = cleaned(EndpointForm(asked | {"events": sorted(asked["events"])}))
            return EndpointOut(webhooks.add(owner, at=now(), by=who(request), **facts)).data

        return once(request, make)

    @extend_schema(request=EndpointFacts, responses=EndpointOut)
    def update(self, request: Request, reference: str) -> Response:
        """Send other events, or to another URL; the same again changes nothing."""
        found, asked = self.get_object(), filled(EndpointFacts, request)
        facts = cleaned(EndpointForm(asked | {"events": sorted(asked["events"])}))
        webhooks.change(found, at=now(), by=who(request), **facts)
        return Response(EndpointOut(self.get_object()).data)

    @extend_schema(request=None, responses=EndpointOut)
    @action(detail=True, methods=["post"])
    def enable(self, request: Request, reference: str) -> Response:
        """Switch it on: what waits is delivered."""
        return self._switched("enable")

    @extend_schema(request=None, responses=EndpointOut)
    @action(detail=True, methods=["post"])
    def disable(self, request: Request, reference: str) -> Response:
        """Switch it off: what waits is kept."""
        return self._switched("disable")

    @extend_schema(request=None, responses=EndpointOut)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, reference: str) -> Response:
        """End it for ever."""
        return self._switched("retire")

    def _switched(self, how: str) -> Response:
        found = self.get_object()
        _SWITCH[how](found, at=now(), by=who(self.request))
        return Response(EndpointOut(found).data)

    @extend_schema(request=None, responses={202: None}, parameters=[KEY_HEADER])
    @action(detail=True, methods=["post"])
    def test(self, request: Request, reference: str) -> Response:
        """Send an event that means nothing; the same key is the same test."""
        endpoint, key = self.get_object(), idempotency_key(request)
        webhooks.send_test(endpoint, key=f"api:{key}", at=now())
        return Response(status=202)

    @extend_schema(request=None, responses=EndpointOut)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, reference: str) -> Response:
        """Make a new secret; for a day the old one signs too."""
        webhooks.rotate(self.get_object(), at=now(), by=who(request))
        return Response(EndpointOut(self.get_object()).data)

    @extend_schema(request=None, responses=SecretOut)
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, reference: str) -> Response:
        """Show the newest secret; the journal keeps who looked."""
        shown = webhooks.show_secret(self.get_object(), at=now(), by=who(request))
        return Response({"secret": shown}, headers={"Cache-Control": "no-store"})

    @extend_schema(responses=DeliveryOut(many=True))
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, reference: str) -> Response:
        """Return what it was told, newest first."""
        return paged(self, Delivery.objects.filter(endpoint=self.get_object()), DeliveryOut)

    @extend_schema(responses=EventKindOut(many=True))
    @action(detail=False, methods=["get"], pagination_class=None, url_path="event-kinds")
    def event_kinds(self, request: Request) -> Response:
        """Return what a webhook may be told of."""
        return Response([{"name": name, "words": words} for name, words in EVENTS.items()])


class Deliveries(viewsets.GenericViewSet[Delivery]):
    """Events on their way."""

    queryset = Delivery.objects.none()
    serializer_class = DeliveryOut
    lookup_field = "webhook_id"

    @extend_schema(responses=DeliveryOut)
    def retrieve(self, request: Request, webhook_id: str) -> Response:
        """Return one delivery."""
        return Response(DeliveryOut(delivery_for(request.user, webhook_id)).data)

    @extend_schema(request=None, responses=DeliveryOut)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, webhook_id: str) -> Response:
        """Deliver an event once more, with the same id."""
        found = delivery_for(request.user, webhook_id)
        services.replay(found, at=now(), by=who(request))
        return Response(DeliveryOut(delivery_for(request.user, webhook_id)).data)


class MailOut(serializers.ModelSerializer[Mail]):
    """One mail to one address, and how far it came."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    topic = serializers.CharField(read_only=True)
    recipient = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = Mail
        fields: tuple[str, ...] = (
            "reference", "organisation", "topic", "recipient", "language", "subject", "state",
            "state_since", "state_reason", "attempts", "next_attempt_at", "sent_at",
            "about_reference", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class WholeMailOut(MailOut):
    """A mail with its words."""

    text = serializers.CharField(source="words", read_only=True)

    class Meta(MailOut.Meta):
        fields = (*MailOut.Meta.fields, "text")
        read_only_fields = fields


class MailsAsked(serializers.Serializer[Any]):
    """What a list of mails may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    organisation = serializers.CharField(required=False, max_length=12)


class Mails(Remembered[Mail], Rows[Mail]):
    """What was sent to the organisations that the reader answers for."""

    queryset = Mail.objects.none()
    serializer_class = MailOut
    asks = MailsAsked
    needs = queries.LOG_READERS

    def get_queryset(self) -> QuerySet[Mail]:
        """Return what this user may see."""
        return queries.listed(self.request.user, **self.asked())

    def get_object(self) -> Mail:
        """Return one mail."""
        return mail_for(self.request.user, self.kwargs["reference"])

    @extend_schema(responses=WholeMailOut)
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return one mail as it was sent."""
        return Response(WholeMailOut(self.get_object()).data)

    @extend_schema(request=None, responses=MailOut)
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, reference: str) -> Response:
        """Let a mail leave once more, with the same Message-ID."""
        services.send_again(self.get_object(), at=now(), by=who(request))
        return Response(MailOut(self.get_object()).data)


class PreferenceOut(serializers.Serializer[Any]):
    """Whether the caller gets mails of a topic, as a member of one organisation."""

    organisation = serializers.CharField()
    topic = serializers.CharField()
    words = serializers.CharField()
    is_wanted = serializers.BooleanField()
    is_obligatory = serializers.BooleanField()


class PreferenceIn(serializers.Serializer[Any]):
    """One topic, wanted or not."""

    organisation = serializers.CharField(max_length=12, help_text="O-…")
    topic = serializers.ChoiceField(choices=list(TOPIC_WORDS))
    is_wanted = serializers.BooleanField()


class Preferences(viewsets.GenericViewSet[Any]):
    """What the caller wants to get by mail."""

    serializer_class = PreferenceOut
    pagination_class = None

    @extend_schema(responses=PreferenceOut(many=True))
    def list(self, request: Request) -> Response:
        """Return every topic of every membership."""
        found = memberships_of(request.user)
        rows = [_preference(member, topic) for member in found for topic in TOPIC_WORDS]
        return Response(PreferenceOut(rows, many=True).data)

    @extend_schema(request=PreferenceIn, responses={200: PreferenceOut})
    def create(self, request: Request) -> Response:
        """Want a topic or not; the same again changes nothing."""
        asked = filled(PreferenceIn, request)
        mine = {one.organisation.reference: one for one in memberships_of(request.user)}
        member = mine.get(asked["organisation"])
        if member is None:
            raise serializers.ValidationError({"organisation": ["You are no member there."]})
        services.prefer(member, asked["topic"], is_wanted=asked["is_wanted"])
        return Response(PreferenceOut(_preference(member, asked["topic"])).data)


def _preference(member: Member, topic: str) -> dict[str, Any]:
    return {
        "organisation": member.organisation.reference,
        "topic": topic,
        "words": TOPIC_WORDS[topic],
        "is_wanted": bool(queries.wanted([member], topic)),
        "is_obligatory": topic in OBLIGATORY,
    }
