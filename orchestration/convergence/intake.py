"""Store what a node reported, in one transaction, under the lease that is still ours."""

from datetime import datetime

from django.db import transaction

from erp.base.lifecycle import move
from erp.base.nudges import announce
from orchestration.backup import intake as backups
from orchestration.backup.observed import FoundPlace
from orchestration.convergence import sharing
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
        places = [_place(one) for one in report.partitions]
        backups.take(node, report.backups, places, applied=report.applied, at=at)
        changes |= _told_of_itself(report)
    ComputeNode.objects.filter(pk=node.pk).update(**changes)
    for name, value in changes.items():
        setattr(node, name, value)


def _place(one: FoundPartition) -> FoundPlace:
    """Return a partition as backups look at it."""
    return FoundPlace(
        name=one.name,
        uid=one.instance,
        state=one.state,
        reason=one.reason,
        log_tail=one.log_tail,
        connection=one.connection,
        promises=one.promises,
        restored=one.restored,
        restored_seconds=one.restored_seconds,
    )


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
    found = {one.name: one for one in report.partitions}
    held, entries = _standing_on(node)
    seen = []
    for instance in held:
        one = found.get(instance.partition.name)  # type: ignore[union-attr]
        if one and instance.reference == one.instance and _says_something(instance, one):
            _take_one(instance, one, at=at)
            seen.append(Sighting(instance, one.reason, one.promises, node.is_held))
    hosts = {one.instance: {entry.uid: entry for entry in one.shared} for one in report.partitions}
    for shared, host in entries:
        entry = hosts.get(host.reference, {}).get(shared.reference)
        verdict = sharing.judge(shared, host, entry)
        # What is not there counts only when the node has what it should.
        if verdict and (entry or report.applied == node.desired_revision):
            seen.append(sharing.take(shared, host, verdict, at=at))
    observe(seen, at=at)


def _standing_on(node: ComputeNode) -> tuple[list[Instance], list[tuple[Instance, Instance]]]:
    """Return the instances with a partition here, and those shared on them with their hosts.

    All are locked, in the order in which everybody locks several.
    """
    rows = Instance.objects.select_for_update(of=("self",)).select_related("partition")
    here = list(rows.filter(node=node).exclude(partition=None, host=None).order_by("pk"))
    held = [one for one in here if one.partition and one.partition.node_id == node.pk]
    by_pk = {one.pk: one for one in held}
    shared = sharing.with_releases([one for one in here if one.host_id in by_pk])
    return held, [(one, by_pk[one.host_id or 0]) for one in shared]


def _says_something(instance: Instance, found: FoundPartition) -> bool:
    """A report about an older generation says nothing, nor one of a slot not yet looked at."""
    is_there = found.state not in {"empty", "waiting", "prepared"}
    return found.generation == instance.generation and is_there


def _take_one(instance: Instance, found: FoundPartition, *, at: datetime) -> None:
    """Bring one instance to what was found."""
    changes: dict[str, object] = {
        "observed_generation": found.generation,
        "promises": list(found.promises),
        "log_tail": found.log_tail,
    }
    if found.connection and found.connection != connection_of(instance):
        changes["connection_sealed"] = sealed_connection(instance, found.connection)
        if instance.parent_id:
            announce("instance.published", instance=instance.parent_id)
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
