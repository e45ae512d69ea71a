"""Store what a node reported, in one transaction, under the lease that is still ours."""

from datetime import datetime

from django.db import transaction

from erp.base.lifecycle import move
from orchestration.convergence.lease import hold
from orchestration.convergence.observed import FoundPartition, Report
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of, sealed_connection
from orchestration.instances.states import Requested, State
from orchestration.metering.services import store
from orchestration.monitoring.services import Sighting, observe
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import ReleaseOnNode, SoftwareRelease

BY = "node"


@transaction.atomic
def take(node: ComputeNode, report: Report, *, fence: int, at: datetime) -> None:
    """Bring the rows to what the node found, and acknowledge its samples with them.

    Most reports bring samples only: the hash tells that all the rest was taken before.

    Raises:
        LeaseLost: another worker drives this node now; nothing was stored.
        BadSamples, SampleReused: nothing was stored.
    """
    hold(node.pk, fence)
    position = store(node, epoch=report.epoch, samples=report.samples, at=at)
    changes: dict[str, object] = {"spool_epoch": report.epoch, "spool_position": position}
    if not report.state_hash or report.state_hash != node.report_hash:
        _take_partitions(node, report, at=at)
        _take_releases(node, report, at=at)
        changes |= _told_of_itself(report)
    ComputeNode.objects.filter(pk=node.pk).update(**changes)
    for name, value in changes.items():
        setattr(node, name, value)


def _told_of_itself(report: Report) -> dict[str, object]:
    return {
        "applied_revision": report.applied,
        "report_hash": report.state_hash,
        "agent_version": report.agent_version,
        "agent_refused": report.agent_refused,
        "agent_refusal": report.agent_refusal,
        "facts": dict(report.facts),
        "is_privileged": bool(report.facts.get("privileged")),
    }


def _take_partitions(node: ComputeNode, report: Report, *, at: datetime) -> None:
    """Only instances that hold a partition of this node are touched, whatever is claimed."""
    held = Instance.objects.filter(partition__node=node).select_related("partition")
    instances = {instance.partition.name: instance for instance in held.order_by("pk")}  # type: ignore[union-attr]
    seen = []
    for found in report.partitions:
        instance = instances.get(found.name)
        if instance and instance.reference == found.instance and _says_something(instance, found):
            _take_one(instance, found, at=at)
            seen.append(Sighting(instance, found.reason, found.promises))
    observe(seen, at=at)


def _says_something(instance: Instance, found: FoundPartition) -> bool:
    """A report about an older generation says nothing, nor one of a slot not yet looked at."""
    return found.generation == instance.generation and found.state not in {"empty", "waiting"}


def _take_one(instance: Instance, found: FoundPartition, *, at: datetime) -> None:
    """Bring one instance to what was found."""
    changes: dict[str, object] = {
        "observed_generation": found.generation,
        "promises": list(found.promises),
        "log_tail": found.log_tail,
    }
    if found.connection and found.connection != connection_of(instance):
        changes["connection_sealed"] = sealed_connection(instance, found.connection)
    if found.state == State.STARTED and instance.first_started_at is None:
        changes["first_started_at"] = at
    if found.state == State.WIPED:
        if instance.requested_state != Requested.DESTROYED:
            return
        changes |= {"partition": None, "wiped_at": at, "connection_sealed": ""}
    if found.state != instance.state:
        move(instance, found.state, at=at, by=BY, why=found.reason, also=changes)
    else:
        # Most of a report is what it was: only what differs is written.
        changes["state_reason"] = found.reason
        news = {name: value for name, value in changes.items() if getattr(instance, name) != value}
        if news:
            Instance.objects.filter(pk=instance.pk).update(**news)


def _take_releases(node: ComputeNode, report: Report, *, at: datetime) -> None:
    known = dict(
        SoftwareRelease.objects.filter(uid__in=[one.uid for one in report.releases]).values_list(
            "uid", "pk"
        )
    )
    rows = [
        ReleaseOnNode(
            organisation_id=node.organisation_id,
            node=node,
            release_id=known[one.uid],
            state=one.state,
            reason=one.reason,
            log_tail=one.log_tail,
            reported_at=at,
        )
        for one in report.releases
        if one.uid in known
    ]
    ReleaseOnNode.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["node", "release"],
        update_fields=["state", "reason", "log_tail", "reported_at"],
    )
    ReleaseOnNode.objects.filter(node=node).exclude(release__in=known.values()).delete()
