"""What is to be backed up, what is overdue, what is under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from erp.contracts.models import ContractLine
from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Protection,
    Relocation,
    Snapshot,
    Takeover,
)
from orchestration.backup.policy import policy_of
from orchestration.backup.states import (
    DRILL_UNDER_WAY,
    UNDER_WAY,
    Going,
    Open,
    SnapshotState,
    Stored,
)
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.nodes import states as nodes
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import Carrier

MOST_STORES = 500


@dataclass(frozen=True, slots=True)
class Store:
    """A node that could keep backups, and how much it keeps."""

    node: ComputeNode
    stored_bytes: int


def protected_lines() -> QuerySet[ContractLine]:
    """Return the lines that a policy was agreed for and of which something runs."""
    placed = Instance.objects.filter(line=OuterRef("pk"), partition__isnull=False)
    return ContractLine.objects.exclude(backup={}).filter(Exists(placed))


def to_protect() -> QuerySet[ContractLine]:
    """Return those lines that have no repository, or an instance that is not protected in it."""
    ready = BackupRepository.objects.filter(line=OuterRef("pk"), state=Stored.READY)
    bare = (
        saved_instances()
        .filter(line=OuterRef("pk"))
        .exclude(protection__repository__state=Stored.READY)
    )
    return protected_lines().filter(~Exists(ready) | Exists(bare))


def saved_instances() -> QuerySet[Instance]:
    """Return the instances that have files of their own: those with a partition."""
    return Instance.objects.filter(partition__isnull=False).exclude(
        requested_state=Requested.DESTROYED
    )


def stores() -> list[Store]:
    """Return the nodes that may keep backups, with what they keep: one statement."""
    open_ones = ComputeNode.objects.filter(
        state__in=[nodes.State.READY, nodes.State.CLOSED],
        carrier=Carrier.SSH,
        is_privileged=True,
        keeps_backups=True,
    ).exclude(host_key="")
    kept = open_ones.annotate(
        kept=Sum("stored__stored_bytes", filter=~Q(stored__state=Stored.GONE))
    )
    return [Store(node, node.kept or 0) for node in kept.order_by("pk")[:MOST_STORES]]


def good_snapshots(instance: Instance) -> QuerySet[Snapshot]:
    """Return the snapshots that an instance can be brought back from, newest first."""
    kept = Snapshot.objects.filter(instance=instance, state=SnapshotState.GOOD)
    return kept.exclude(repository__state=Stored.GONE).order_by("-taken_at", "-pk")


def answer_to(instance: Instance, number: int) -> Snapshot | None:
    """Return the snapshot that was made for this question, or a later one."""
    return good_snapshots(instance).filter(number__gte=number).order_by("number", "pk").first()


def under_way(instance: Instance) -> Relocation | None:
    """Return what brings the instance to a snapshot now."""
    return Relocation.objects.filter(instance=instance, state__in=UNDER_WAY).first()


def overdue(at: datetime) -> list[Protection]:
    """Return the protected instances that run and have no snapshot as young as was agreed."""
    running = Protection.objects.filter(
        instance__state=State.STARTED, instance__line__contract__state="active"
    ).exclude(instance__line__backup={})
    rows = running.select_related("instance__line__contract", "organisation", "repository__store")
    found = []
    for row in rows.iterator(chunk_size=500):
        policy = policy_of(row.instance.line.backup)
        if policy and at - max(row.newest_at or row.since, row.since) > policy.oldest:
            found.append(row)
    return found


def to_tend(at: datetime, *, every: timedelta) -> QuerySet[BackupRepository]:
    """Return the repositories whose store has not tidied for so long and was not asked to."""
    due = Q(asked_at=None) | Q(asked_at__lte=at - every)
    kept = BackupRepository.objects.filter(due, state__in=[Stored.READY, Stored.LEFT])
    return kept.filter(tended=F("tend_asked")).exclude(line__backup={}).order_by("pk")


def to_leave(at: datetime, *, after: timedelta) -> QuerySet[BackupRepository]:
    """Return the repositories that nothing can be written to: their store is away for so long."""
    away = BackupRepository.objects.filter(state=Stored.READY, store__last_seen_at__lte=at - after)
    return away.exclude(store__failures=0).order_by("pk")


def to_move(at: datetime, *, pause: timedelta) -> QuerySet[Instance]:
    """Return the running instances of draining nodes that can be moved, longest there first.

    One whose move failed waits a while; what is saved nowhere cannot move by itself.
    """
    tried = Relocation.objects.filter(instance=OuterRef("pk"))
    busy = tried.filter(Q(state__in=UNDER_WAY) | Q(state_since__gte=at - pause))
    there = Instance.objects.filter(
        partition__node__state=nodes.State.DRAINING,
        partition__node__failures=0,
        requested_state=Requested.STARTED,
        state=State.STARTED,
        protection__repository__isnull=False,
    )
    return there.filter(~Exists(busy)).order_by("pk")


def moving_off(node_pk: int) -> int:
    """Return how many instances are leaving a node just now."""
    return Relocation.objects.filter(source_node=node_pk, state__in=UNDER_WAY).count()


def stuck(at: datetime, *, after: timedelta) -> QuerySet[Relocation]:
    """Return what should be back since long and is not."""
    late = Relocation.objects.filter(state=Going.STARTING, state_since__lte=at - after)
    return late.select_related("organisation", "instance__line__contract").order_by("pk")


def to_end() -> QuerySet[BackupRepository]:
    """Return the repositories of contracts whose instances are all gone."""
    left = Instance.objects.filter(line=OuterRef("line")).exclude(state=State.WIPED)
    kept = BackupRepository.objects.exclude(state=Stored.GONE)
    return kept.filter(~Exists(left), line__contract__state="ended").order_by("pk")


def relocations_under_way() -> QuerySet[Relocation]:
    """Return what is being moved, taken over or restored: the most important first."""
    return Relocation.objects.filter(state__in=UNDER_WAY).order_by("-priority", "pk")


def drills_under_way() -> QuerySet[Drill]:
    """Return the drills and copies that are not over."""
    return Drill.objects.filter(state__in=DRILL_UNDER_WAY).order_by("pk")


def open_takeovers() -> QuerySet[Takeover]:
    """Return the takeovers that are not over."""
    return Takeover.objects.filter(state=Open.OPEN).order_by("pk")


def newest_drills(instances: Sequence[int]) -> dict[int, Drill]:
    """Return the newest finished drill of each instance: one statement."""
    rows = Drill.objects.filter(instance__in=instances, is_copy=False).exclude(ended_at=None)
    newest = rows.order_by("instance_id", "-pk").distinct("instance_id")
    return {row.instance_id: row for row in newest}
