"""Put waiting instances on partitions."""

from datetime import datetime

from django.db import transaction

from erp.base.lifecycle import move
from erp.base.nudges import announce
from orchestration.allocation.choose import Candidate, Ranking, Wish, choose
from orchestration.allocation.queries import candidates
from orchestration.instances.models import Instance
from orchestration.instances.states import State
from orchestration.nodes.models import ComputePartition

BY = "allocation"


def wish_of(instance: Instance) -> Wish:
    """Return what the instance asks of its place."""
    return Wish(
        organisation=instance.organisation_id,
        memory_bytes=int(instance.limits.get("memory_bytes", 0)),
        sla=instance.sla,
    )


def dry_run(instance: Instance) -> Ranking:
    """Return where the instance would go, and why not elsewhere."""
    return choose(wish_of(instance), candidates())


@transaction.atomic
def place(instance_pk: int, *, at: datetime) -> bool:
    """Place one waiting instance; False when nothing fits (the reasons are kept on it).

    Two allocators at once: the row of the instance makes them take turns, and a partition that
    the other took first is skipped.

    Raises:
        UnknownFilter: the SLA cannot be understood.
    """
    waiting = Instance.objects.select_for_update().filter(pk=instance_pk, state=State.WAITING)
    instance = waiting.first()
    if instance is None:
        return False
    ranking = choose(wish_of(instance), candidates())
    for candidate in ranking.fits:
        partition = _free_partition(candidate)
        if partition:
            where = {"partition": partition, "node_id": candidate.pk, "placement_reasons": []}
            why = f"{candidate.name}/{partition.name}"
            move(instance, State.PLACED, at=at, by=BY, why=why, also=where)
            announce("instance.placed", node=candidate.pk)
            return True
    Instance.objects.filter(pk=instance.pk).update(
        placement_reasons=ranking.reasons(), state_reason="It fits on no node yet."
    )
    return False


def _free_partition(candidate: Candidate) -> ComputePartition | None:
    free = ComputePartition.objects.filter(node_id=candidate.pk, instance=None)
    return free.select_for_update(skip_locked=True, of=("self",)).order_by("pk").first()
