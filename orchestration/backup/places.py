"""Find a partition for what is moved, taken over or tried, and hold it."""

from collections.abc import Collection

from orchestration.allocation.choose import choose
from orchestration.allocation.queries import candidates, shortlist
from orchestration.allocation.services import free_partition, wish_of
from orchestration.backup.models import BackupRepository
from orchestration.backup.states import Stored
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition

MOST_REASONED = 200


def find(
    instance: Instance, *, but: Collection[int], only: ComputeNode | None = None
) -> tuple[ComputePartition | None, list[str]]:
    """Return a free partition on the best node, locked, or why there is none.

    A node that keeps the instance's backups takes not the instance as well: one loss would be both.
    """
    wish = wish_of(instance)
    stores = BackupRepository.objects.filter(line=instance.line_id, state=Stored.READY)
    left_out = {*but, *stores.values_list("store", flat=True)}
    few = shortlist(wish, but=sorted(left_out))
    fits = choose(wish, few).fits
    wide = [] if fits else [one for one in candidates(wish) if one.pk not in left_out]
    for candidate in fits or choose(wish, wide).fits:
        if only is None or candidate.pk == only.pk:
            partition = free_partition(candidate)
            if partition:
                return partition, []
    if only:
        return None, [f"{only.name} has no room for it, may not take it, or keeps its backups"]
    reasons = choose(wish, wide or few).reasons()[:MOST_REASONED]
    return None, reasons or ["every other node keeps its backups, or is the one it leaves"]


def hold(partition: ComputePartition, reference: str) -> None:
    """Let nobody else take a partition."""
    ComputePartition.objects.filter(pk=partition.pk).update(held_for=reference)


def let_go(partition_pk: int | None) -> None:
    """Nobody wants a partition any more: it is free once its node says that it is empty.

    The node tells everything again: it may have said so before it was asked.
    """
    if partition_pk:
        holder = ComputeNode.objects.filter(partitions=partition_pk)
        holder.update(report_hash="")
