"""Bring a snapshot to life in a spare partition: to prove that it can be, or for a customer's use.

A backup that was never restored is none.
"""

import json
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.secrets import reveal, seal
from erp.tickets.services import report_cause, resolve_cause
from orchestration.backup import places, services
from orchestration.backup.models import Drill, Snapshot
from orchestration.backup.observed import FoundPlace
from orchestration.backup.states import DRILL_UNDER_WAY, Drilled, SnapshotState

BY = "backup"
LONGEST = timedelta(hours=2)
COPY_LIVES = timedelta(days=7)
MOST_COPIES = 2


class TooManyCopies(DomainError):
    """There are copies of this service already: end one of them first."""

    code = "too_many_copies"


@transaction.atomic
def begin(snapshot: Snapshot, *, at: datetime, by: str, is_copy: bool = False) -> Drill:
    """Ask for a drill, or for a copy beside the service; a place is found for it next.

    Raises:
        NoSnapshot: it is not there any more.
        BusyAlready: a drill of this instance is under way.
        TooManyCopies: there are as many as there may be.
    """
    instance = snapshot.instance
    if snapshot.state != SnapshotState.GOOD:
        raise services.NoSnapshot
    copies = Drill.objects.filter(instance=instance, is_copy=True, state__in=DRILL_UNDER_WAY)
    if is_copy and copies.count() >= MOST_COPIES:
        raise TooManyCopies
    row = Drill(
        organisation_id=instance.organisation_id,
        is_copy=is_copy,
        instance=instance,
        snapshot=snapshot,
        state=Drilled.WAITING,
        state_since=at,
        until=at + (COPY_LIVES if is_copy else LONGEST),
        by=by,
        created_at=at,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise services.BusyAlready from error
    return row


@transaction.atomic
def advance(drill_pk: int, *, at: datetime) -> None:
    """Place a drill that waits, and end one whose time is over; repeating it changes nothing."""
    rows = Drill.objects.select_for_update(of=("self",)).filter(state__in=DRILL_UNDER_WAY)
    related = rows.select_related(
        "instance__line", "instance__organisation", "instance__release", "snapshot", "partition"
    )
    row = related.defer("instance__release__archive").filter(pk=drill_pk).first()
    if row is None:
        return
    if row.state == Drilled.WAITING and row.partition_id is None and at < row.until:
        _place(row, at=at)
    elif at >= row.until:
        late = Drilled.FAILED if not row.is_copy else Drilled.ENDED
        _over(row, late, "its time was over" if row.is_copy else "it took too long", at=at)


def _place(row: Drill, *, at: datetime) -> None:
    there = [row.instance.node_id] if row.instance.node_id and not row.is_copy else []
    found, _ = places.find(row.instance, but=there)
    if found is None and there:
        found, _ = places.find(row.instance, but=[])
    if found is None:
        # On which nodes it does not fit, and why, is for operators: the dry run tells them.
        Drill.objects.filter(pk=row.pk).update(state_reason="it waits for a free place")
        return
    places.hold(found, row.reference)
    also = {"partition": found, "node_id": found.node_id, "started_at": at}
    said = f"snapshot {row.snapshot.name} is restored"
    move(row, Drilled.RESTORING, at=at, by=BY, why=said, also=also)
    record(row, "placed", at=at, by=BY, why=str(found))
    services.touch(found.node_id)


def take(row: Drill, place: FoundPlace, *, at: datetime) -> None:
    """Write down what the node found: the drill is over as soon as its promises were kept."""
    if place.restored_seconds is not None and row.restored_seconds is None:
        Drill.objects.filter(pk=row.pk).update(restored_seconds=place.restored_seconds)
    Drill.objects.filter(pk=row.pk).update(
        promises=list(place.promises), log=place.log_tail, state_reason=place.reason
    )
    row.promises, row.log = list(place.promises), place.log_tail
    if row.state != Drilled.RESTORING:
        return
    if place.state in ("started", "prepared"):
        _alive(row, place, at=at)
    elif place.state == "failed" and not row.is_copy:
        _over(row, Drilled.FAILED, place.reason or "it does not start", at=at)


def _alive(row: Drill, place: FoundPlace, *, at: datetime) -> None:
    began = row.started_at or row.created_at
    measured = {
        "rpo_seconds": max(0, int((row.created_at - row.snapshot.taken_at).total_seconds())),
        "rto_seconds": max(0, int((at - began).total_seconds())),
        "connection_sealed": seal(json.dumps(dict(place.connection)), where=_place_of(row)),
    }
    Drill.objects.filter(pk=row.pk).update(**measured)
    if row.is_copy:
        move(row, Drilled.RUNNING, at=at, by=BY, why="it answers")
        return
    said = "it was restored, started, and kept its promises"
    if place.state == "prepared":
        said = "its files were restored; it was not started, for it would use others' databases"
    _over(row, Drilled.PASSED, said, at=at)


@transaction.atomic
def end(row: Drill, *, at: datetime, by: str) -> None:
    """End a copy, or a drill before its time: what stands there is wiped."""
    row = Drill.objects.select_for_update(of=("self",)).get(pk=row.pk)
    _over(row, Drilled.ENDED, f"ended by {by}", at=at)


def _over(row: Drill, state: Drilled, why: str, *, at: datetime) -> None:
    """Tell how it went, and have the partition wiped; it is free when its node says so."""
    move(row, state, at=at, by=BY, why=why, also={"ended_at": at})
    places.let_go(row.partition_id)
    services.touch(row.node_id)
    if row.is_copy:
        return
    cause = f"drill:{row.instance.reference}"
    if state == Drilled.FAILED:
        report_cause(
            cause,
            organisation=row.organisation,
            subject=f"The backup of {row.instance.line.name} could not be restored",
            body=f"The restore drill {row.reference} of snapshot {row.snapshot.name} failed: {why}",
            at=at,
            by=BY,
            contract=row.instance.line.contract,
        )
    elif state == Drilled.PASSED:
        resolve_cause(cause, body=f"The restore drill {row.reference} passed.", at=at, by=BY)


def connection_of(row: Drill) -> dict[str, str]:
    """Return where a copy is reached."""
    if not row.connection_sealed:
        return {}
    return dict(json.loads(reveal(row.connection_sealed, where=_place_of(row))))


def _place_of(row: Drill) -> str:
    return f"drill:{row.reference}:connection"
