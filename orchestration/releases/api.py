"""Software releases as JSON, for operators: list, look, check, publish."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from erp.base.api import who
from erp.base.doors import now
from erp.base.files import OCTETS, body_of, bytes_up_to
from erp.base.rows import Remembered, Rows, paged
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right
from orchestration.releases import services
from orchestration.releases.access import release_for
from orchestration.releases.archive import LARGEST_BYTES, BadRelease
from orchestration.releases.models import ReleaseOnNode, SoftwareRelease
from orchestration.releases.queries import with_places


class ReleaseOut(serializers.ModelSerializer[SoftwareRelease]):
    """One version of a product, and on how many nodes it is ready or failed."""

    ready = serializers.IntegerField(read_only=True)
    failed = serializers.IntegerField(read_only=True)

    class Meta:
        model = SoftwareRelease
        fields: tuple[str, ...] = (
            "reference", "product", "version", "uid", "source", "published_at", "ready", "failed"
        )  # fmt: skip
        read_only_fields = fields


class WholeReleaseOut(ReleaseOut):
    """A release with its `software.toml` as it was read."""

    profile = serializers.DictField(read_only=True)

    class Meta(ReleaseOut.Meta):
        fields = (*ReleaseOut.Meta.fields, "profile")
        read_only_fields = fields


class ReleasePlaceOut(serializers.ModelSerializer[ReleaseOnNode]):
    """What a node last said about the release."""

    node = serializers.CharField(source="node.reference", read_only=True)

    class Meta:
        model = ReleaseOnNode
        fields = ("node", "state", "reason", "log_tail", "reported_at")
        read_only_fields = fields


class ReleasesAsked(serializers.Serializer[Any]):
    """What a list of releases may be asked for."""

    product = serializers.CharField(required=False, max_length=60)


class Releases(Remembered[SoftwareRelease], Rows[SoftwareRelease]):
    """Published releases."""

    queryset = SoftwareRelease.objects.none()
    serializer_class = ReleaseOut
    asks = ReleasesAsked
    needs = frozenset({Right.OPERATE})

    def get_queryset(self) -> QuerySet[SoftwareRelease]:
        """Return what this user may see."""
        return with_places(self.request.user).filter(**self.asked())

    def get_object(self) -> SoftwareRelease:
        """Return one release."""
        return release_for(self.request.user, self.kwargs["reference"])

    @extend_schema(responses=WholeReleaseOut)
    def retrieve(self, request: Request, reference: str) -> Response:
        """Return one release with its profile."""
        return Response(WholeReleaseOut(self.get_object()).data)

    @extend_schema(
        request={OCTETS: OpenApiTypes.BINARY}, responses={201: WholeReleaseOut}
    )  # fmt: skip
    @action(
        detail=False, methods=["post"], parser_classes=[bytes_up_to(LARGEST_BYTES)]
    )  # fmt: skip
    def publish(self, request: Request) -> Response:
        """Publish a tar.gz of a release's directory; the same content again changes nothing."""
        archive = body_of(request)
        if len(archive) > LARGEST_BYTES:
            raise BadRelease(f"A release has at most {LARGEST_BYTES} bytes packed.")
        owner = Organisation.objects.visible_to(request.user).get(kind=Kind.PROVIDER)
        made = services.publish_archive(archive, owner=owner, at=now(), by=who(request))
        return Response(WholeReleaseOut(release_for(request.user, made.reference)).data, status=201)

    @extend_schema(responses=ReleasePlaceOut(many=True))
    @action(detail=True, methods=["get"])
    def places(self, request: Request, reference: str) -> Response:
        """Return what each node says about it."""
        return paged(self, self.get_object().places.select_related("node"), ReleasePlaceOut)
