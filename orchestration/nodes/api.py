"""Compute nodes as JSON, for operators: list, look, register, say where they are, set aside."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import KEY_HEADER, cleaned, filled, who
from erp.base.doors import now
from erp.base.rows import Remembered, Rows, paged
from erp.customers.models import Organisation
from erp.customers.replies import once
from erp.customers.states import Kind, Right
from orchestration.nodes import queries, services
from orchestration.nodes.access import node_for
from orchestration.nodes.forms import MachineForm, PlaceForm
from orchestration.nodes.models import ComputeNode, ComputePartition, EnrolmentStep
from orchestration.nodes.states import State


class NodeOut(serializers.ModelSerializer[ComputeNode]):
    """A machine; how many partitions it has and how many are taken."""

    labels = serializers.ListField(child=serializers.CharField(), read_only=True)
    dedicated_to = serializers.CharField(
        source="dedicated_to.reference", read_only=True, allow_null=True
    )
    closed_for = serializers.CharField(read_only=True)
    carrier = serializers.CharField(read_only=True)
    service_address = serializers.CharField(read_only=True, allow_null=True)
    service_address6 = serializers.CharField(read_only=True, allow_null=True)
    partitions = serializers.IntegerField(source="slots", read_only=True)
    taken = serializers.IntegerField(read_only=True)

    class Meta:
        model = ComputeNode
        fields: tuple[str, ...] = (
            "reference", "name", "region", "country", "network", "labels", "dedicated_to", "state",
            "state_since", "state_reason", "closed_for", "carrier", "host", "port", "ssh_user",
            "service_address", "service_address6", "partitions", "taken", "is_privileged",
            "agent_version", "last_seen_at", "last_error", "failures", "applied_revision",
            "desired_revision", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class EnrolmentStepOut(serializers.ModelSerializer[EnrolmentStep]):
    """One step of preparing a machine."""

    class Meta:
        model = EnrolmentStep
        fields = ("name", "state", "message", "started_at", "ended_at")
        read_only_fields = fields


class WholeNodeOut(NodeOut):
    """A machine with what it told of itself, its failing promises and its enrolment."""

    facts = serializers.DictField(read_only=True)
    failing = serializers.DictField(read_only=True)
    steps = EnrolmentStepOut(many=True, read_only=True)

    class Meta(NodeOut.Meta):
        fields = (*NodeOut.Meta.fields, "facts", "failing", "steps")
        read_only_fields = fields


class PartitionOut(serializers.ModelSerializer[ComputePartition]):
    """A slot on the node, and the instance in it."""

    places = serializers.ListField(child=serializers.CharField(), read_only=True)
    instance = serializers.CharField(  # type: ignore[assignment]
        source="instance.reference", read_only=True, allow_null=True
    )

    class Meta:
        model = ComputePartition
        fields = ("name", "user", "places", "port_first", "port_count", "instance")
        read_only_fields = fields


class MachineIn(serializers.Serializer[Any]):
    """How a machine is reached once: with a password or a private key, which is forgotten."""

    name = serializers.SlugField(max_length=60)
    host = serializers.CharField(max_length=255)
    port = serializers.IntegerField(min_value=1, max_value=65535, required=False, default=22)
    ssh_user = serializers.RegexField(
        r"^[a-z_][a-z0-9_-]*$", max_length=32, required=False, default="root"
    )
    password = serializers.CharField(max_length=200, required=False, write_only=True)
    private_key = serializers.CharField(
        max_length=20_000, required=False, write_only=True, trim_whitespace=False
    )
    host_key = serializers.CharField(max_length=2000, required=False)
    service_address = serializers.IPAddressField(required=False)
    service_address6 = serializers.IPAddressField(protocol="IPv6", required=False)
    region = serializers.SlugField(max_length=40, required=False, default="main")
    partition_count = serializers.IntegerField(
        min_value=1, max_value=200, required=False, default=10
    )


class NodePlaceIn(serializers.Serializer[Any]):
    """Where a node is, what it can, and whom it is kept for; all of it is sent."""

    name = serializers.SlugField(max_length=60)
    region = serializers.SlugField(max_length=40)
    country = serializers.RegexField(r"^([A-Z]{2})?$", required=False, default="", allow_blank=True)
    network = serializers.SlugField(max_length=40, required=False, default="", allow_blank=True)
    labels = serializers.ListField(
        child=serializers.RegexField(r"^[A-Za-z0-9_-]{1,40}$"), required=False, max_length=20
    )
    dedicated_to = serializers.CharField(
        max_length=12, required=False, default="", allow_blank=True, help_text="O-…"
    )


class NodeWhyIn(serializers.Serializer[Any]):
    """A reason, which is shown at the node."""

    why = serializers.CharField(max_length=300)


class NodesAsked(serializers.Serializer[Any]):
    """What a list of nodes may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    region = serializers.CharField(required=False, max_length=40)


class Nodes(Remembered[ComputeNode], Rows[ComputeNode]):
    """Machines of the provider."""

    queryset = ComputeNode.objects.none()
    serializer_class = NodeOut
    asks = NodesAsked
    needs = frozenset({Right.OPERATE})

    def get_queryset(self) -> QuerySet[ComputeNode]:
        """Return what this user may see."""
        found = queries.with_capacity(self.request.user).filter(**self.asked())
        return found.select_related("dedicated_to").defer("desired_sealed")

    def get_object(self) -> ComputeNode:
        """Return one node."""
        return node_for(self.request.user, self.kwargs["reference"], right=Right.OPERATE)

    def _shown(self, node: ComputeNode) -> Any:
        found = queries.with_capacity(self.request.user).prefetch_related("steps")
        return WholeNodeOut(found.get(pk=node.pk)).data

    @extend_schema(responses=WholeNodeOut)
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return one node with what it told of itself."""
        return Response(self._shown(self.get_object()))

    @extend_schema(request=MachineIn, responses={201: WholeNodeOut}, parameters=[KEY_HEADER])
    def create(self, request: Request) -> HttpResponse:
        """Register a machine; a worker prepares it, step by step."""

        def make() -> Any:
            owner = Organisation.objects.visible_to(request.user).get(kind=Kind.PROVIDER)
            machine = _machine(filled(MachineIn, request))
            return self._shown(services.register(owner, machine, at=now(), by=who(request)))

        return once(request, make)

    @extend_schema(request=NodePlaceIn, responses=WholeNodeOut)
    def update(self, request: Request, reference: str) -> Response:
        """Say where a node is, what it can, and whom it is kept for."""
        node, asked = self.get_object(), filled(NodePlaceIn, request)
        seen = Organisation.objects.visible_to(request.user).exclude(kind=Kind.PROVIDER)
        owners = list(seen.filter(reference=asked["dedicated_to"]))
        form = PlaceForm(asked | {"labels": ",".join(asked.get("labels", ()))}, node, owners)
        cleaned(form)
        services.edit(node, form.place(), at=now(), by=who(request))
        return Response(self._shown(node))

    @extend_schema(responses=PartitionOut(many=True))
    @action(detail=True, methods=["get"])
    def partitions(self, request: Request, reference: str) -> Response:
        """Return the slots of a node."""
        return paged(self, self.get_object().partitions.select_related("instance"), PartitionOut)

    @extend_schema(request=NodeWhyIn, responses=WholeNodeOut)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, reference: str) -> Response:
        """Take no new instances."""
        return self._act(services.close)

    @extend_schema(request=NodeWhyIn, responses=WholeNodeOut)
    @action(detail=True, methods=["post"])
    def maintain(self, request: Request, reference: str) -> Response:
        """Close for maintenance."""
        return self._act(services.close_for_maintenance)

    @extend_schema(request=NodeWhyIn, responses=WholeNodeOut)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, reference: str) -> Response:
        """Take new instances again."""
        return self._act(services.reopen)

    @extend_schema(request=NodeWhyIn, responses=WholeNodeOut)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, reference: str) -> Response:
        """Let go of an empty node for ever."""
        return self._act(services.retire)

    def _act(self, verb: Any) -> Response:
        node, why = self.get_object(), filled(NodeWhyIn, self.request)["why"]
        verb(node, at=now(), by=who(self.request), why=why)
        return Response(self._shown(node))


def _machine(asked: dict[str, Any]) -> services.Machine:
    """Return the machine as the page's form understands it."""
    form = MachineForm(asked)
    cleaned(form)
    return form.machine()
