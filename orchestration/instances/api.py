"""Instances as JSON: what is desired and what was found, how far it came, its log and its secrets.

Where an instance runs, why it fits nowhere and what it logs is for operators; fields of theirs are
null for everybody else.
"""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.journal import history
from erp.base.rows import EventOut, Rows, paged
from erp.base.secret_parameters import shown
from erp.customers.access import rights_of
from erp.customers.states import Right
from orchestration.instances import services
from orchestration.instances.access import instance_for
from orchestration.instances.models import Instance
from orchestration.instances.states import State
from orchestration.instances.steps import Step, steps_of, trouble_of


class InstanceOut(serializers.ModelSerializer[Instance]):
    """A running part of a service."""

    organisation = serializers.CharField(source="organisation.reference", read_only=True)
    service = serializers.CharField(source="line.contract.reference", read_only=True)
    position = serializers.IntegerField(source="line.position", read_only=True)
    parent = serializers.CharField(  # type: ignore[assignment]
        source="parent.reference", read_only=True, allow_null=True
    )
    product = serializers.CharField(source="release.product", read_only=True)
    version = serializers.CharField(source="release.version", read_only=True)
    requested_state = serializers.CharField(read_only=True)
    is_current = serializers.SerializerMethodField()
    node = serializers.SerializerMethodField()

    class Meta:
        model = Instance
        fields: tuple[str, ...] = (
            "reference", "name", "organisation", "service", "position", "parent", "product",
            "version", "software_type", "is_shared", "requested_state", "state", "state_since",
            "state_reason", "generation", "is_current", "node", "created_at", "first_started_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_is_current(self, instance: Instance) -> bool:
        """Return whether what was last asked for is what its node has."""
        return instance.observed_generation == instance.generation

    def get_node(self, instance: Instance) -> str | None:
        """Return where it runs, to operators."""
        # Row-level security hides the node itself from everybody else.
        if not _operates(self.context["user"], instance):
            return None
        return instance.node.reference if instance.node else None


class StepOut(serializers.Serializer[Any]):
    """How far it has come: waiting, running, done or failed."""

    name = serializers.CharField()
    state = serializers.CharField()
    seconds = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()


class WholeInstanceOut(InstanceOut):
    """An instance with its steps, and what it was told."""

    parameters = serializers.SerializerMethodField()
    limits = serializers.DictField(read_only=True)
    url = serializers.SerializerMethodField(help_text="Where it is reached, as it published it.")
    trouble = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()

    class Meta(InstanceOut.Meta):
        fields = (*InstanceOut.Meta.fields, "parameters", "limits", "url", "trouble", "steps")
        read_only_fields = fields

    @extend_schema_field(serializers.DictField())
    def get_parameters(self, instance: Instance) -> Any:
        """Return them without secrets."""
        return shown(instance.parameters)

    def get_url(self, instance: Instance) -> str:
        """Return the address."""
        return services.connection_of(instance).get("url", "")

    def get_trouble(self, instance: Instance) -> str:
        """Return in words what is wrong, or nothing."""
        return trouble_of(self._steps(instance))

    @extend_schema_field(StepOut(many=True))
    def get_steps(self, instance: Instance) -> Any:
        """Return the steps from the request to the first answer."""
        return StepOut(self._steps(instance), many=True).data

    def _steps(self, instance: Instance) -> list[Step]:
        moves = [(line.event, line.at) for line in history(instance)]
        is_operator = _operates(self.context["user"], instance)
        return steps_of(
            state=instance.state,
            reason=instance.state_reason,
            moves=moves,
            placement_reasons=instance.placement_reasons if is_operator else (),
        )


class LogOut(serializers.Serializer[Instance]):
    """The end of what it wrote last, as its node reported it."""

    text = serializers.CharField(source="log_tail")
    promises = serializers.JSONField()


class ConnectionOut(serializers.Serializer[Any]):
    """What it publishes: URL, user, password."""

    connection = serializers.DictField(child=serializers.CharField())


class InstancesAsked(serializers.Serializer[Any]):
    """What a list of instances may be asked for."""

    state = serializers.ChoiceField(required=False, choices=State.choices)
    organisation = serializers.CharField(required=False, max_length=12)
    service = serializers.CharField(required=False, max_length=12)
    node = serializers.CharField(required=False, max_length=12, help_text="For operators: N-…")


_COLUMNS = {
    "organisation": "organisation__reference",
    "service": "line__contract__reference",
    "node": "node__reference",
    "state": "state",
}


class Instances(Rows[Instance]):
    """Running parts of the services of the reader's organisations."""

    queryset = Instance.objects.none()
    serializer_class = InstanceOut
    asks = InstancesAsked

    def get_queryset(self) -> QuerySet[Instance]:
        """Return what this user may see."""
        asked = {_COLUMNS[name]: value for name, value in self.asked().items()}
        seen = Instance.objects.visible_to(self.request.user).filter(**asked)
        related = seen.select_related(
            "organisation", "release", "line__contract", "parent", "node__organisation"
        )
        return related.defer("release__archive", "log_tail")

    def get_object(self) -> Instance:
        """Return one instance."""
        return instance_for(self.request.user, self.kwargs["reference"], right=Right.SEE)

    def get_serializer_context(self) -> dict[str, Any]:
        """Tell the serializer who reads."""
        return {**super().get_serializer_context(), "user": self.request.user}

    @extend_schema(responses=WholeInstanceOut)
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return one instance with how far it came."""
        return Response(WholeInstanceOut(self.get_object(), context={"user": request.user}).data)

    @extend_schema(responses=EventOut(many=True))
    @action(detail=True, methods=["get"])
    def events(self, request: Request, reference: str) -> Response:
        """Return what happened to it, newest first; for operators."""
        return paged(self, history(self._operated()), EventOut)

    @extend_schema(responses=LogOut)
    @action(detail=True, methods=["get"])
    def log(self, request: Request, reference: str) -> Response:
        """Return the end of its log, and how its promises do; for operators."""
        return Response(LogOut(self._operated()).data)

    @extend_schema(request=None, responses=ConnectionOut)
    @action(detail=True, methods=["post"])
    def connection(self, request: Request, reference: str) -> Response:
        """Return the connection parameters with their secrets."""
        found = instance_for(request.user, reference, right=Right.SEE_SECRETS)
        facts = {"connection": services.connection_of(found)}
        return Response(facts, headers={"Cache-Control": "no-store"})

    def _operated(self) -> Instance:
        return instance_for(self.request.user, self.kwargs["reference"], right=Right.OPERATE)


def _operates(user: Any, instance: Instance) -> bool:
    return Right.OPERATE in rights_of(user, instance.organisation)
