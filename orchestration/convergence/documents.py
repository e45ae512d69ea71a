"""Precompute the document of a node from its rows, whenever something in it changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Prefetch

from erp.base.secret_parameters import revealed
from orchestration.backup import document as backups
from orchestration.convergence.desired import FORMAT, Release, Slot, build
from orchestration.instances.children import kind_of, takes_shared
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of, secrets_of
from orchestration.instances.states import Requested
from orchestration.nodes.document import sealed
from orchestration.nodes.models import ComputeNode, ComputePartition
from orchestration.releases.models import SoftwareRelease

METERING_SECONDS = 10


# The document changes with its form, with what backups, moves and drills need of the node, with
# the partitions, and with the generation of what they hold and of what is shared there. What
# children publish raises the generation of their parent.
_SOURCE = """
SELECT md5(%(form)s || coalesce(max(n_.document_extras)::text, '')
    || coalesce(string_agg(concat_ws(':', p.name, p.address, p.address6,
    p.port_first, p.port_count, p.held_for, i.reference, i.generation, i.requested_state,
    i.release_id, CASE WHEN n_.is_held THEN 'held' END,
    (SELECT string_agg(concat_ws('-', s.reference, s.generation), '+' ORDER BY s.id)
     FROM orchestration_instance s WHERE s.host_id = i.id AND s.requested_state <> 'destroyed')),
    ',' ORDER BY p.id), ''))
FROM orchestration_computepartition p
JOIN orchestration_computenode n_ ON n_.id = p.node_id
LEFT JOIN orchestration_instance i ON i.partition_id = p.id
WHERE p.node_id = """
_FORM = f"{FORMAT}/{METERING_SECONDS}/"
# For statements that read the node as `node`, with `form` among their values.
FORM, SOURCE = _FORM, _SOURCE
IS_CURRENT = f"node.desired_source = ({_SOURCE} node.id)"
_STALE = f"""
SELECT n.id FROM orchestration_computenode n
WHERE n.id = ANY(%(nodes)s) AND n.desired_source <> ({_SOURCE} n.id)
ORDER BY n.id LIMIT %(most)s
"""  # noqa: S608  (constants of this file)


def stale(nodes: Sequence[int], *, most: int) -> list[int]:
    """Return those of the nodes whose rows say something else than their documents: one statement.

    Making a document to see that it is the same costs as much as all the rest of a visit.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STALE, {"form": _FORM, "nodes": list(nodes), "most": most})
        return [pk for (pk,) in cursor.fetchall()]


@transaction.atomic
def recompute(node_pk: int, *, at: datetime) -> bool:
    """Store the document that the node should have; return whether it changed."""
    node = ComputeNode.objects.select_for_update().get(pk=node_pk)
    # Named before the rows are read: what changes in between is found stale once more.
    source = _source_of(node_pk)
    document = document_of(node, at=at)
    changes: dict[str, Any] = {"desired_source": source}
    is_new = bool(document["revision"] != node.desired_revision)
    if is_new:
        changes |= {
            "desired_sealed": sealed(node, document),
            "desired_revision": document["revision"],
        }
        changes["desired_since"] = at
    ComputeNode.objects.filter(pk=node.pk).update(**changes)
    return is_new


def _source_of(node_pk: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SOURCE} %(node)s", {"form": _FORM, "node": node_pk})
        return str(cursor.fetchone()[0])


def document_of(node: ComputeNode, *, at: datetime) -> dict[str, Any]:
    """Return the document for a node; a dozen statements, however many instances."""
    entries = Instance.objects.exclude(requested_state=Requested.DESTROYED).order_by("pk")
    held = (
        Instance.objects.select_related("release")
        .defer("release__archive")
        .prefetch_related("children", Prefetch("shared", entries))
    )
    partitions = node.partitions.prefetch_related(Prefetch("instance", held)).order_by("pk")
    more = backups.sections(node, at=at)
    slots = [_slot(partition, more, is_held=node.is_held) for partition in partitions]
    wanted = {slot.instance["release"] for slot in slots if slot.instance}
    releases = SoftwareRelease.objects.filter(uid__in=wanted).defer("archive")
    return build(
        node=node.reference,
        slots=slots,
        releases=[Release(one.uid, one.product, one.version, one.profile) for one in releases],
        metering_seconds=METERING_SECONDS,
        store=more.store,
        witness=more.witness,
    )


def _slot(partition: ComputePartition, more: backups.Sections, *, is_held: bool) -> Slot:
    instance: Instance | None = getattr(partition, "instance", None)
    wanted: dict[str, Any] | None = None
    if instance:
        wanted = _wanted(instance, is_held=is_held) | dict(more.of_instances.get(instance.pk, {}))
    elif partition.pk in more.held:
        guest, changes = more.held[partition.pk]
        wanted = _wanted(guest, is_held=False) | dict(changes)
    return Slot(
        name=partition.name,
        address=partition.address,
        address6=partition.address6,
        port_first=partition.port_first,
        port_count=partition.port_count,
        instance=wanted,
    )


def _wanted(instance: Instance, *, is_held: bool) -> dict[str, Any]:
    """Return what a node is told of an instance; what is to be destroyed is so on any node."""
    held = is_held and instance.requested_state == Requested.STARTED
    return {
        "uid": instance.reference,
        "generation": instance.generation,
        "requested_state": Requested.STOPPED if held else instance.requested_state,
        "release": instance.release.uid,
        "software_type": instance.software_type,
        "parameters": revealed(instance.parameters, product=instance.release.product),
        "secrets": secrets_of(instance),
        "limits": instance.limits,
    } | _of_others(instance)


def _of_others(instance: Instance) -> dict[str, Any]:
    """Return what an instance gets of its children, and what is shared on it, if it has any."""
    found: dict[str, Any] = {}
    if kind_of(instance).get("children"):
        connections = {child.name: connection_of(child) for child in instance.children.all()}
        found["children"] = {name: one for name, one in sorted(connections.items()) if one}
    if takes_shared(instance):
        found["shared"] = [
            _entry(one, product=instance.release.product) for one in instance.shared.all()
        ]
    return found


def _entry(shared: Instance, *, product: str) -> dict[str, Any]:
    """Return what a host is told of a shared instance, which is of the same product."""
    return {
        "uid": shared.reference,
        "generation": shared.generation,
        "requested_state": shared.requested_state,
        "parameters": revealed(shared.parameters, product=product),
    }
