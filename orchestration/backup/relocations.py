"""Move, take over or restore one instance, step by step: each step is one transaction.

Who does a step is killed before it is done or after: the row says which it was, and the sweep goes
on from there. An instance changes its partition in one statement, with a generation that its old
node does not have: there it is not wanted any more, and is wiped before anything else starts there.
"""

from datetime import datetime, timedelta

from django.db import transaction

from erp.base.journal import record
from erp.base.lifecycle import move
from orchestration.backup import places, pointing, queries, services
from orchestration.backup.models import Protection, Relocation, Snapshot
from orchestration.backup.states import BEFORE_SWITCH, UNDER_WAY, Going, Why
from orchestration.instances import states as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.nodes.models import ComputeNode, ComputePartition

BY = "backup"
# So many instances leave a draining node at the same time.
AT_ONCE = 2
# A step that takes longer is given up where nothing was changed yet.
LONGEST = {
    Going.COPYING: timedelta(hours=6),
    Going.PREPARING: timedelta(hours=6),
    # The service is stopped meanwhile.
    Going.STOPPING: timedelta(minutes=10),
}


@transaction.atomic
def ask_move(
    instance: Instance, *, at: datetime, by: str, why: str = "", to: ComputeNode | None = None
) -> Relocation:
    """Begin to move a running instance to another node: first it is saved while it runs.

    Raises:
        NotProtected: without a repository there is nothing that carries its data.
        BusyAlready: something of the kind is under way.
    """
    instance = (
        Instance.objects.select_for_update(of=("self",))
        .select_related("line", "organisation")
        .get(pk=instance.pk)
    )
    number = services.snapshot_now(instance, at=at, by=by, why=why or "to be moved")
    row = services.begin(instance, Why.MOVE, Going.COPYING, at=at, by=by)
    row.asked_number, row.wished_node = number, to
    row.save(update_fields=["asked_number", "wished_node"])
    return row


def empty(instance_pk: int, *, at: datetime) -> None:
    """Begin to move an instance off its draining node, a few of a node at the same time."""
    instance = Instance.objects.select_related("node", "line").get(pk=instance_pk)
    node = instance.node
    if node is not None and queries.moving_off(node.pk) < AT_ONCE:
        ask_move(instance, at=at, by=BY, why=f"{node.name} is drained")


@transaction.atomic
def advance(relocation_pk: int, *, at: datetime) -> bool:
    """Take the next step if its time has come; return whether one was taken."""
    rows = Relocation.objects.select_for_update(of=("self",)).filter(state__in=UNDER_WAY)
    related = rows.select_related("instance__line", "instance__organisation", "instance__release")
    row = related.defer("instance__release__archive").filter(pk=relocation_pk).first()
    if row is None:
        return False
    step = {
        Going.WAITING: _take_over,
        Going.COPYING: _prepare,
        Going.PREPARING: _stop,
        Going.STOPPING: _switch,
        Going.STARTING: _finish,
    }[Going(row.state)]
    if step(row, at=at):
        return True
    longest = LONGEST.get(Going(row.state))
    if longest and at - row.state_since > longest:
        _give_up(row, f"it took longer than {longest}", at=at)
        return True
    return False


def _answer(row: Relocation) -> Snapshot | None:
    """Return the snapshot that was asked for, once it is there."""
    protection = Protection.objects.filter(instance=row.instance_id).first()
    if protection is None or protection.answered < row.asked_number:
        return None
    return queries.answer_to(row.instance, row.asked_number)


def _prepare(row: Relocation, *, at: datetime) -> bool:
    """The snapshot is there: hold a partition elsewhere, and have it filled while we run here."""
    snapshot = _answer(row)
    if snapshot is None:
        return False
    assert row.source_node_id is not None
    found, reasons = places.find(row.instance, but=[row.source_node_id], only=row.wished_node)
    if found is None:
        return note(row, "; ".join(reasons)[:2000])
    places.hold(found, row.reference)
    said = f"snapshot {snapshot.name} goes to {found}"
    also = {"snapshot": snapshot, "target": found}
    move(row, Going.PREPARING, at=at, by=BY, why=said, also=also)
    services.touch(found.node_id)
    return True


def _stop(row: Relocation, *, at: datetime) -> bool:
    """It is there: stop here, and save what was written since."""
    if not row.is_prepared:
        return False
    number = services.snapshot_now(row.instance, at=at, by=BY, why="the last one before it moves")
    also = {"asked_number": number, "away_at": at}
    move(row, Going.STOPPING, at=at, by=BY, why="stopped, and saved once more", also=also)
    return True


def _switch(row: Relocation, *, at: datetime) -> bool:
    """All is saved: from now on it belongs to the other node, which brings the rest in."""
    snapshot = _answer(row)
    if snapshot is None or row.target is None:
        return False
    row.lost_seconds = 0
    return _place(row, snapshot, row.target, at=at)


def _take_over(row: Relocation, *, at: datetime) -> bool:
    """Place what was lost with its node; a node that is back in the meantime keeps it."""
    node = row.source_node
    if node and node.state == "ready" and node.last_seen_at and node.last_seen_at > row.created_at:
        move(row, Going.CANCELLED, at=at, by=BY, why=f"{node.name} came back before it began")
        return True
    good = queries.good_snapshots(row.instance)
    # A store that does not answer gives nothing back now.
    snapshot = good.filter(repository__store__failures=0).first() or good.first()
    if snapshot is None:
        move(row, Going.FAILED, at=at, by=BY, why="there is no snapshot of it")
        return True
    but = [row.source_node_id] if row.source_node_id else []
    found, reasons = places.find(row.instance, but=but)
    if found is None:
        return note(row, "; ".join(reasons)[:2000])
    lost_at = row.takeover.lost_at if row.takeover else at
    row.lost_seconds = max(0, int((lost_at - snapshot.taken_at).total_seconds()))
    row.away_at = lost_at
    row.target = found
    return _place(row, snapshot, found, at=at)


def _place(row: Relocation, snapshot: Snapshot, to: ComputePartition, *, at: datetime) -> bool:
    """Give the instance another partition and a new generation: the fence for its old node."""
    instance = Instance.objects.select_for_update(of=("self",)).get(pk=row.instance_id)
    if instance.partition_id != row.source_id or instance.requested_state == Requested.DESTROYED:
        _give_up(row, "it was changed or given up meanwhile", at=at)
        return True
    if instance.partition_id:
        left = ComputePartition.objects.filter(pk=instance.partition_id)
        left.update(held_for=instance.reference)
    ComputePartition.objects.filter(pk=to.pk).update(held_for="")
    where = {"partition": to, "node_id": to.node_id, "generation": instance.generation + 1}
    also = where | {"placement_reasons": [], "connection_sealed": ""}
    move(instance, instances.State.PLACED, at=at, by=BY, why=f"{row.why} to {to}", also=also)
    Instance.objects.filter(host=instance).update(node=to.node_id)
    changes = {
        "snapshot": snapshot, "target": to, "generation": instance.generation,
        "lost_seconds": row.lost_seconds, "away_at": row.away_at,
    }  # fmt: skip
    said = f"it is {to}'s now, from snapshot {snapshot.name}"
    move(row, Going.STARTING, at=at, by=BY, why=said, also=changes)
    places.let_go(row.source_id)
    services.touch(row.source_node_id, to.node_id)
    return True


def _finish(row: Relocation, *, at: datetime) -> bool:
    """It answers: the story is told to its end."""
    instance = row.instance
    is_heard = instance.observed_generation >= row.generation
    stays_stopped = instance.requested_state != Requested.STARTED
    there = instances.State.STOPPED if stays_stopped else instances.State.STARTED
    if not is_heard or instance.state != there:
        if is_heard and instance.state == instances.State.FAILED:
            note(row, instance.state_reason)
        return False
    also = {"back_at": instance.state_since}
    away = row.away_at or row.created_at
    seconds = int((instance.state_since - away).total_seconds())
    move(row, Going.DONE, at=at, by=BY, why=f"it answers; it was away for {seconds} s", also=also)
    followed = pointing.follow(row, at=at)
    if followed:
        said = f"{followed} services that named its old place name the new one"
        record(row, "followed", at=at, by=BY, why=said)
    services.touch(instance.node_id)
    return True


def note(row: Relocation, said: str) -> bool:
    """Keep why it stands still; nothing was done."""
    if row.state_reason != said:
        Relocation.objects.filter(pk=row.pk).update(state_reason=said)
    return False


@transaction.atomic
def cancel(row: Relocation, *, at: datetime, by: str) -> None:
    """Call a move off before its switch: what runs goes on where it is.

    Raises:
        IllegalMove: it is too late.
    """
    row = Relocation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    move(row, Going.CANCELLED, at=at, by=by, why="called off")
    _clear(row)


def _give_up(row: Relocation, why: str, *, at: datetime) -> None:
    move(row, Going.FAILED, at=at, by=BY, why=why)
    record(row.instance, "relocation_failed", at=at, by=BY, why=why)
    _clear(row)


def _clear(row: Relocation) -> None:
    """Have the half-filled partition wiped, and what was stopped started again."""
    places.let_go(row.target_id)
    services.touch(row.source_node_id, row.target.node_id if row.target else None)


def may_cancel(row: Relocation) -> bool:
    """Return whether nothing was changed yet."""
    return row.state in BEFORE_SWITCH
