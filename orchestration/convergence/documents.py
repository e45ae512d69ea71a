"""Precompute the document of a node from its rows, whenever something in it changed."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Prefetch

from orchestration.convergence.desired import Release, Slot, build
from orchestration.instances.models import Instance
from orchestration.instances.services import secrets_of
from orchestration.nodes.models import ComputeNode, ComputePartition
from orchestration.releases.models import SoftwareRelease

METERING_SECONDS = 10


@transaction.atomic
def recompute(node_pk: int, *, at: datetime) -> bool:
    """Store the document that the node should have; return whether it changed."""
    node = ComputeNode.objects.select_for_update().get(pk=node_pk)
    document = document_of(node)
    if document["revision"] == node.desired_revision:
        return False
    ComputeNode.objects.filter(pk=node.pk).update(
        desired=document, desired_revision=document["revision"], desired_since=at
    )
    return True


def document_of(node: ComputeNode) -> dict[str, Any]:
    """Return the document for a node; three statements, however many instances."""
    held = Instance.objects.select_related("release").defer("release__archive")
    partitions = node.partitions.prefetch_related(Prefetch("instance", held)).order_by("pk")
    slots = [_slot(partition) for partition in partitions]
    wanted = {slot.instance["release"] for slot in slots if slot.instance}
    releases = SoftwareRelease.objects.filter(uid__in=wanted).defer("archive")
    return build(
        node=node.reference,
        slots=slots,
        releases=[Release(one.uid, one.product, one.version, one.profile) for one in releases],
        metering_seconds=METERING_SECONDS,
    )


def _slot(partition: ComputePartition) -> Slot:
    instance: Instance | None = getattr(partition, "instance", None)
    return Slot(
        name=partition.name,
        address=partition.address,
        address6=partition.address6,
        port_first=partition.port_first,
        port_count=partition.port_count,
        instance=_wanted(instance) if instance else None,
    )


def _wanted(instance: Instance) -> dict[str, Any]:
    return {
        "uid": instance.reference,
        "generation": instance.generation,
        "requested_state": instance.requested_state,
        "release": instance.release.uid,
        "software_type": instance.software_type,
        "parameters": instance.parameters,
        "secrets": secrets_of(instance),
        "limits": instance.limits,
    }
