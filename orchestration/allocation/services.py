"""Put waiting instances on partitions, and say where they would go."""

from datetime import datetime, timedelta

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.lifecycle import move
from erp.base.nudges import announce
from orchestration.allocation.choose import Candidate, Ranking, Wish, choose
from orchestration.allocation.hosts import MOST_ON_ONE_HOST, NOTHING, choose_host
from orchestration.allocation.queries import candidates, hosts_for, shortlist
from orchestration.instances.models import Instance
from orchestration.instances.queries import without_host
from orchestration.instances.states import Requested, State
from orchestration.nodes.models import ComputePartition

BY = "allocation"
# To say why it fits nowhere costs more than to see that it does: not at every sweep.
REASON_AGAIN = timedelta(minutes=1)
# The reasons that are kept with a request speak of so many nodes; a dry run speaks of all.
MOST_REASONED = 500
NOWHERE = "It fits on no node yet."


def wish_of(instance: Instance) -> Wish:
    """Return what the instance asks of its place."""
    return Wish(
        organisation=instance.organisation_id,
        path=instance.organisation.path,
        product=instance.release.product,
        memory_bytes=_bytes(instance.limits.get("memory_bytes")),
        disk_bytes=_bytes(instance.limits.get("disk_bytes")),
        sla=instance.sla,
    )


def _bytes(limit: object) -> int:
    return limit if isinstance(limit, int) and limit > 0 else 0


def dry_run(wish: Wish) -> Ranking:
    """Return where an instance with this wish would go, and why not elsewhere.

    Raises:
        UnknownFilter, BadFilter: the SLA cannot be understood.
    """
    return choose(wish, candidates(wish))


@transaction.atomic
def place(instance_pk: int, *, at: datetime) -> bool:
    """Place one waiting instance; False when nothing fits (the reasons are kept on it).

    Two allocators at once: the row of the instance makes them take turns, and a partition that
    the other took first is skipped.
    """
    rows = Instance.objects.select_for_update(of=("self",)).filter(state=State.WAITING)
    found = rows.select_related("organisation", "release").defer("release__archive")
    instance = found.filter(pk=instance_pk).first()
    if instance is None:
        return False
    wish = wish_of(instance)
    try:
        if instance.is_shared:
            return _place_on_host(instance, wish, at=at)
        ranking = choose(wish, shortlist(wish))
        if _take_first(instance, ranking, at=at):
            return True
        return _explain(instance, wish, at=at)
    except DomainError as error:
        return _keep_waiting(instance, [str(error)], at=at, said=str(error))


def _place_on_host(shared: Instance, wish: Wish, *, at: datetime) -> bool:
    """Make a shared instance an entry on the best host; never more than it takes."""
    fits, reasons = choose_host(wish, hosts_for(shared, wish))
    for host in fits:
        row = Instance.objects.select_for_update().get(pk=host.pk)
        if row.state == State.STARTED and row.shared.count() < MOST_ON_ONE_HOST:
            where = {"host_id": host.pk, "node_id": host.node.pk, "placement_reasons": []}
            move(shared, State.PLACED, at=at, by=BY, why=f"on {host.reference}", also=where)
            announce("instance.placed", node=host.node.pk)
            return True
    said = NOTHING if reasons == [NOTHING] else NOWHERE
    return _keep_waiting(shared, reasons, at=at, said=said)


@transaction.atomic
def release_from_host(shared_pk: int, *, at: datetime) -> None:
    """Have a shared instance wait for another host when its own is gone."""
    rows = Instance.objects.select_for_update().filter(pk=shared_pk)
    shared = rows.filter(pk__in=without_host().values("pk")).first()
    if shared is None:
        return
    is_over = shared.requested_state == Requested.DESTROYED
    gone = {"host": None, "connection_sealed": ""} | ({"wiped_at": at} if is_over else {})
    to = State.WIPED if is_over else State.WAITING
    move(shared, to, at=at, by=BY, why="what it stood on is gone", also=gone)


def _take_first(instance: Instance, ranking: Ranking, *, at: datetime) -> bool:
    """Put the instance on the best node that has a partition that nobody takes just now."""
    for candidate in ranking.fits:
        partition = free_partition(candidate)
        if partition:
            where = {"partition": partition, "node_id": candidate.pk, "placement_reasons": []}
            why = f"{candidate.name}/{partition.name}"
            move(instance, State.PLACED, at=at, by=BY, why=why, also=where)
            announce("instance.placed", node=candidate.pk)
            return True
    return False


def _explain(instance: Instance, wish: Wish, *, at: datetime) -> bool:
    """Keep the reasons, unless they are fresh; what became free meanwhile is taken."""
    if instance.reasoned_at and at - instance.reasoned_at < REASON_AGAIN:
        return False
    ranking = choose(wish, candidates(wish, most=MOST_REASONED))
    if _take_first(instance, ranking, at=at):
        return True
    return _keep_waiting(instance, ranking.reasons(), at=at)


def _keep_waiting(
    instance: Instance, reasons: list[str], *, at: datetime, said: str = NOWHERE
) -> bool:
    """Keep the reasons, which are for operators, and what the customer is told."""
    Instance.objects.filter(pk=instance.pk).update(
        placement_reasons=reasons, reasoned_at=at, state_reason=said
    )
    return False


def free_partition(candidate: Candidate) -> ComputePartition | None:
    """Return a partition of the node that nobody holds, locked; None where there is none."""
    free = ComputePartition.objects.filter(node_id=candidate.pk, instance=None, held_for="")
    return free.select_for_update(skip_locked=True, of=("self",)).order_by("pk").first()
