"""Store what a node said of backups: of its own instances, store and partitions only."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from orchestration.backup import drills, relocations, services
from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Protection,
    Relocation,
    Snapshot,
    Witness,
)
from orchestration.backup.observed import (
    FoundBackup,
    FoundBackups,
    FoundPlace,
    FoundRepository,
    Outcome,
)
from orchestration.backup.states import DRILL_UNDER_WAY, UNDER_WAY, Going, SnapshotState, Stored
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition

# Beyond this a node's times are no times: its clock follows ours.
AHEAD = timedelta(minutes=10)


@transaction.atomic
def take(
    node: ComputeNode,
    found: FoundBackups,
    places: Sequence[FoundPlace],
    *,
    applied: str,
    at: datetime,
) -> None:
    """Bring the rows to what was said; the same again changes nothing.

    Args:
        applied: the revision that the node has applied.
    """
    _take_backups(node, found.backups, at=at)
    _take_repositories(node, found.repositories, at=at)
    by_name = {one.name: one for one in places}
    _take_moving(node, by_name, at=at)
    _take_drills(node, by_name, at=at)
    if applied and applied == node.desired_revision:
        _release(node, by_name)
    if found.seen:
        _take_witness(node, found.seen, at=at)
    touched = Q(instance__node=node) | Q(target__node=node) | Q(source_node=node)
    under_way = Relocation.objects.filter(touched, state__in=UNDER_WAY)
    services.hurry(under_way.values_list("pk", flat=True))


# Snapshots.


def _take_backups(node: ComputeNode, found: Sequence[FoundBackup], *, at: datetime) -> None:
    said = {one.instance: one for one in found}
    rows = Protection.objects.filter(
        instance__partition__node=node, instance__reference__in=list(said)
    )
    for row in rows.select_related("instance").order_by("pk"):
        _take_backup(row, said[row.instance.reference], at=at)


def _take_backup(row: Protection, found: FoundBackup, *, at: datetime) -> None:
    mine = BackupRepository.objects.filter(line=row.instance.line_id).exclude(state=Stored.GONE)
    repositories = {one.reference: one for one in mine}
    known = set(
        Snapshot.objects.filter(instance=row.instance).values_list("repository__reference", "name")
    )
    for outcome in found.outcomes:
        place = outcome.repository, outcome.snapshot
        is_sound = outcome.is_ok and outcome.snapshot and outcome.taken_at <= at + AHEAD
        if is_sound and place not in known and outcome.repository in repositories:
            _write(row.instance, repositories[outcome.repository], outcome)
    if not found.outcomes:
        return
    last, good = found.outcomes[-1], [one for one in found.outcomes if one.is_ok]
    changes: dict[str, object] = {
        "answered": min(found.number, row.asked),
        "tried_at": min(last.ended_at, at),
        "failure": "" if last.is_ok else last.message,
    }
    if good:
        changes["newest_at"] = min(max(one.taken_at for one in good), at)
    if any(getattr(row, name) != value for name, value in changes.items()):
        Protection.objects.filter(pk=row.pk).update(**changes)


def _write(instance: Instance, repository: BackupRepository, outcome: Outcome) -> None:
    Snapshot.objects.get_or_create(
        repository=repository,
        name=outcome.snapshot,
        defaults={
            "organisation_id": instance.organisation_id,
            "instance": instance,
            "number": outcome.number,
            "taken_at": outcome.taken_at,
            "ended_at": outcome.ended_at,
            "total_bytes": outcome.total_bytes,
            "added_bytes": outcome.added_bytes,
        },
    )


# Repositories.


def _take_repositories(
    node: ComputeNode, found: Sequence[FoundRepository], *, at: datetime
) -> None:
    said = {one.repository: one for one in found}
    rows = BackupRepository.objects.filter(store=node, reference__in=list(said))
    for row in rows.exclude(state=Stored.GONE).order_by("pk"):
        one = said[row.reference]
        changes: dict[str, object] = {"stored_bytes": one.stored_bytes, "problem": one.problem}
        if row.tended < one.number <= row.tend_asked:
            changes |= {
                "tended": one.number,
                "tended_at": at,
                "tend_failure": "" if one.is_ok else one.message,
            }
            if one.is_ok and one.is_checked:
                changes["checked_at"] = at
            if one.is_ok:
                _compare(row, one, at=at)
        if any(getattr(row, name) != value for name, value in changes.items()):
            BackupRepository.objects.filter(pk=row.pk).update(**changes)
            if "tended" in changes:
                services.touch(node.pk)


def _compare(row: BackupRepository, found: FoundRepository, *, at: datetime) -> None:
    """Bring our list to the store's: it has the last word on what there is.

    What was made after the store looked is not missing yet.
    """
    there = {name: (host, received) for name, host, received in found.snapshots}
    ours = Snapshot.objects.filter(repository=row)
    ours.filter(name__in=list(there), seen_at=None).update(seen_at=at)
    absent = ours.filter(state=SnapshotState.GOOD).exclude(name__in=list(there))
    absent.exclude(seen_at=None).update(state=SnapshotState.FORGOTTEN)
    asked_at = row.asked_at or at
    absent.filter(seen_at=None, ended_at__lt=asked_at).update(state=SnapshotState.MISSING)
    known = set(ours.values_list("name", flat=True))
    instances = {one.reference: one for one in Instance.objects.filter(line=row.line_id)}
    for name, (host, received) in there.items():
        if name not in known and host in instances:
            outcome = Outcome(0, row.reference, True, "", name, received, received, 0, 0)
            _write(instances[host], row, outcome)


# Partitions that no instance holds for good.


def _take_moving(node: ComputeNode, places: Mapping[str, FoundPlace], *, at: datetime) -> None:
    moving = Relocation.objects.filter(
        target__node=node, state=Going.PREPARING, is_prepared=False
    ).select_related("target", "instance")
    for row in moving:
        place = places.get(row.target.name) if row.target else None
        is_there = place and place.uid == row.instance.reference and place.restored == row.pk
        if place and is_there and place.state == "prepared":
            Relocation.objects.filter(pk=row.pk).update(is_prepared=True)
        elif place and place.state == "failed":
            relocations.note(row, place.reason)


def _take_drills(node: ComputeNode, places: Mapping[str, FoundPlace], *, at: datetime) -> None:
    rows = Drill.objects.filter(node=node, state__in=DRILL_UNDER_WAY).select_related(
        "partition", "snapshot", "instance__release", "organisation"
    )
    for row in rows.defer("instance__release__archive").order_by("pk"):
        place = places.get(row.partition.name) if row.partition else None
        if place and place.uid == row.reference:
            drills.take(row, place, at=at)


def _release(node: ComputeNode, places: Mapping[str, FoundPlace]) -> None:
    """Free the partitions that are held for nothing any more and that the node found empty."""
    for partition in ComputePartition.objects.filter(node=node).exclude(held_for=""):
        place = places.get(partition.name)
        is_used = (
            Relocation.objects.filter(
                target=partition, state__in=[Going.PREPARING, Going.STOPPING]
            ).exists()
            or Drill.objects.filter(partition=partition, state__in=DRILL_UNDER_WAY).exists()
        )
        if place and place.state == "empty" and not place.uid and not is_used:
            ComputePartition.objects.filter(pk=partition.pk).update(held_for="")


def _take_witness(node: ComputeNode, seen: Mapping[str, bool], *, at: datetime) -> None:
    rows = Witness.objects.filter(witness=node, node__reference__in=list(seen))
    for row in rows.select_related("node"):
        answers = seen[row.node.reference]
        if row.answers != answers or row.looked_at is None:
            Witness.objects.filter(pk=row.pk).update(answers=answers, looked_at=at)
