"""Protect instances: a repository on another node, snapshots asked for, and what became of them.

`snapshot_now` and `restore` are what others use: a campaign saves an instance before it changes
it, and brings it back when the change was bad.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.nudges import announce
from erp.contracts.models import ContractLine
from orchestration.backup import queries, stores
from orchestration.backup.models import BackupRepository, Protection, Relocation, Snapshot
from orchestration.backup.policy import policy_of
from orchestration.backup.secrets import with_keys
from orchestration.backup.states import Going, SnapshotState, Stored, Why
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode

BY = "backup"


class NotProtected(DomainError):
    """No backup was agreed for this service, or no store keeps it yet."""

    code = "not_protected"


class BusyAlready(DomainError):
    """This service is being moved, restored or taken over just now: wait until that is over."""

    code = "busy_already"


class NoSnapshot(DomainError):
    """There is no such snapshot any more: choose another one."""

    code = "no_snapshot"


def touch(*nodes: int | None) -> None:
    """Have the documents of nodes made again: something beside their instances changed."""
    keys = sorted({pk for pk in nodes if pk})
    for pk in keys:
        ComputeNode.objects.filter(pk=pk).update(document_extras=F("document_extras") + 1)
        announce("instance.changed", node=pk)


@transaction.atomic
def protect(line_pk: int, *, at: datetime) -> bool:
    """Give the instances of a line their repository; False where no node can keep it.

    Two workers at once: the row of the line makes them take turns.
    """
    rows = ContractLine.objects.select_for_update(of=("self",)).select_related("organisation")
    line = rows.get(pk=line_pk)
    policy = policy_of(line.backup)
    instances = list(
        queries.saved_instances().filter(line=line).select_related("node").order_by("pk")
    )
    if policy is None or not instances:
        return False
    repository = BackupRepository.objects.filter(line=line, state=Stored.READY).first()
    choice = None if repository else stores.choose(line, policy, instances)
    if choice and choice.node:
        repository = _open(line, choice.node, at=at)
    for instance in instances:
        _protect(instance, repository, "" if repository else choice.why if choice else "", at=at)
    touch(
        *(instance.node_id for instance in instances), repository.store_id if repository else None
    )
    return repository is not None


def _open(line: ContractLine, store: ComputeNode, *, at: datetime) -> BackupRepository:
    repository = BackupRepository(
        organisation_id=line.organisation_id,
        line=line,
        store=store,
        state=Stored.READY,
        state_since=at,
        created_at=at,
    )
    with_keys(repository).save()
    record(repository, "opened", at=at, by=BY, why=f"on {store.name}")
    return repository


def _protect(
    instance: Instance, repository: BackupRepository | None, failure: str, *, at: datetime
) -> None:
    facts = {"organisation_id": instance.organisation_id, "since": at}
    row, _ = Protection.objects.get_or_create(instance=instance, defaults=facts)
    if row.repository_id != (repository.pk if repository else None) or row.failure != failure:
        Protection.objects.filter(pk=row.pk).update(repository=repository, failure=failure)


@transaction.atomic
def leave_store(repository: BackupRepository, *, at: datetime, by: str, why: str) -> None:
    """Write no more to a repository: the next sweep opens another, elsewhere if it must.

    What it holds can be restored from until its contract is over.
    """
    move(repository, Stored.LEFT, at=at, by=by, why=why)
    touch(repository.store_id)


@transaction.atomic
def forget(repository: BackupRepository, *, at: datetime) -> None:
    """Have a store remove a repository whose contract is over, with all its snapshots."""
    move(repository, Stored.GONE, at=at, by=BY, why="its contract is over")
    Snapshot.objects.filter(repository=repository).update(state=SnapshotState.FORGOTTEN)
    touch(repository.store_id)


@transaction.atomic
def tend(repository_pk: int, *, part: str, at: datetime) -> None:
    """Ask a store to tidy a repository and to read a part of it again; asked once at a time."""
    row = BackupRepository.objects.select_for_update().get(pk=repository_pk)
    if row.tend_asked > row.tended or row.state == Stored.GONE:
        return
    row.tend_asked, row.check_part, row.asked_at = row.tend_asked + 1, part, at
    row.save(update_fields=["tend_asked", "check_part", "asked_at"])
    touch(row.store_id)


@transaction.atomic
def snapshot_now(instance: Instance, *, at: datetime, by: str, why: str) -> int:
    """Ask for a snapshot beside the schedule; return its number, for `queries.answer_to`.

    Raises:
        NotProtected: there is no policy, or no store.
    """
    row = Protection.objects.select_for_update(of=("self",)).filter(instance=instance).first()
    if row is None or row.repository_id is None or not instance.partition_id:
        raise NotProtected
    row.asked += 1
    row.save(update_fields=["asked"])
    record(instance, "snapshot_asked", at=at, by=by, why=why, number=row.asked)
    touch(instance.node_id)
    return row.asked


@transaction.atomic
def restore(
    instance: Instance, snapshot: Snapshot, *, at: datetime, by: str, why: str = ""
) -> Relocation:
    """Bring an instance back to a snapshot, where it is: what came later is gone.

    Raises:
        NoSnapshot: it is not this instance's, or not there any more.
        BusyAlready: something of the kind is under way.
        NotProtected: the instance has no place.
    """
    instance = Instance.objects.select_for_update(of=("self",)).get(pk=instance.pk)
    if snapshot.instance_id != instance.pk or snapshot.state != SnapshotState.GOOD:
        raise NoSnapshot
    if not instance.partition_id:
        raise NotProtected
    row = begin(instance, Why.RESTORE, Going.STARTING, snapshot=snapshot, at=at, by=by)
    row.generation, row.away_at = instance.generation + 1, at
    row.lost_seconds = max(0, int((at - snapshot.taken_at).total_seconds()))
    row.save(update_fields=["generation", "away_at", "lost_seconds"])
    Instance.objects.filter(pk=instance.pk).update(generation=row.generation)
    said = why or f"back to the state of {snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    record(instance, "restored", at=at, by=by, why=said, snapshot=snapshot.name)
    touch(instance.node_id)
    return row


def begin(
    instance: Instance,
    why: Why,
    state: Going,
    *,
    at: datetime,
    by: str,
    snapshot: Snapshot | None = None,
) -> Relocation:
    """Write down that an instance is being brought to a snapshot, the only one at a time.

    Raises:
        BusyAlready: another one is under way.
    """
    policy = policy_of(instance.line.backup)
    row = Relocation(
        organisation_id=instance.organisation_id,
        why=why,
        instance=instance,
        snapshot=snapshot,
        priority=policy.priority if policy else 50,
        source_node_id=instance.node_id,
        source_id=instance.partition_id,
        state=state,
        state_since=at,
        by=by,
        created_at=at,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise BusyAlready from error
    record(row, str(state), at=at, by=by, why=f"{why} of {instance.reference}")
    return row


def hurry(relocations: Iterable[int]) -> None:
    """Have relocations looked at soon."""
    for pk in relocations:
        announce("relocation.changed", relocation=pk)
