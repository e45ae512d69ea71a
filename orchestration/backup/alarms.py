"""Tell of backups that are overdue, of stores that find something broken, and of drills due."""

from datetime import datetime, timedelta

from erp.tickets.models import Ticket
from erp.tickets.services import report_cause, resolve_cause
from erp.tickets.states import State as Ticketed
from orchestration.backup import queries
from orchestration.backup.models import BackupRepository, Protection, Relocation, Snapshot
from orchestration.backup.policy import policy_of
from orchestration.backup.states import SnapshotState, Stored

BY = "backup"
MOST = 500
# What was moved, restored or taken over should answer after this.
STUCK = timedelta(minutes=30)


def tell(*, at: datetime) -> None:
    """Open and close the incidents of backups; the same again changes nothing."""
    late = {_cause(row): row for row in queries.overdue(at)[:MOST]}
    told = set(_open_causes("backup:"))
    for cause in sorted(set(late) - told):
        _tell_late(cause, late[cause], at=at)
    broken = {_broken(row): row for row in _failing()}
    known = set(_open_causes("store:"))
    for cause in sorted(set(broken) - known):
        _tell_broken(cause, broken[cause], at=at)
    stuck = {f"going:{row.reference}": row for row in queries.stuck(at, after=STUCK)[:MOST]}
    heard = set(_open_causes("going:"))
    for cause in sorted(set(stuck) - heard):
        _tell_stuck(cause, stuck[cause], at=at)
    for cause in sorted((told - set(late)) | (known - set(broken)) | (heard - set(stuck))):
        resolve_cause(cause, body="It is as it should be again.", at=at, by=BY)


def _open_causes(prefix: str) -> list[str]:
    rows = Ticket.objects.filter(cause__startswith=prefix).exclude(state=Ticketed.CLOSED)
    return [cause for cause in rows.values_list("cause", flat=True) if cause]


def _cause(row: Protection) -> str:
    return f"backup:{row.instance.reference}"


def _broken(row: BackupRepository) -> str:
    return f"store:{row.reference}"


def _tell_late(cause: str, row: Protection, *, at: datetime) -> None:
    instance = row.instance
    said = (
        f"The newest backup is of {row.newest_at:%Y-%m-%d %H:%M} UTC."
        if row.newest_at
        else ("There is no backup yet.")
    )
    store = f" The store is {row.repository.store.name}." if row.repository else ""
    report_cause(
        cause,
        organisation=row.organisation,
        subject=f"The backup of {instance.line.name} is overdue",
        body=f"{said}{store} {row.failure or 'Its node has not said why.'}"[:4000],
        at=at,
        by=BY,
        contract=instance.line.contract,
    )


def _tell_stuck(cause: str, row: Relocation, *, at: datetime) -> None:
    line = row.instance.line
    report_cause(
        cause,
        organisation=row.organisation,
        subject=f"{line.name} is not back yet",
        body=f"Its {row.why} began {row.created_at:%Y-%m-%d %H:%M} UTC. {row.state_reason}"[:4000],
        at=at,
        by=BY,
        contract=line.contract,
    )


def _failing() -> list[BackupRepository]:
    """Return the repositories whose store found something wrong, or that lack a snapshot."""
    kept = BackupRepository.objects.filter(state=Stored.READY).select_related(
        "store__organisation", "line"
    )
    lacking = Snapshot.objects.filter(state=SnapshotState.MISSING).values("repository")
    bad = kept.exclude(tend_failure="") | kept.exclude(problem="") | kept.filter(pk__in=lacking)
    return list(bad.distinct().order_by("pk")[:MOST])


def _tell_broken(cause: str, row: BackupRepository, *, at: datetime) -> None:
    missing = row.snapshots.filter(state=SnapshotState.MISSING).count()
    said = row.tend_failure or row.problem or f"{missing} snapshots are not where they should be"
    report_cause(
        cause,
        organisation=row.store.organisation,
        subject=f"Repository {row.reference} on {row.store.name} is not sound",
        body=f"{said}\n\nIf it cannot be mended, leave it: the next backup begins another one.",
        at=at,
        by=BY,
    )


def drills_due(at: datetime) -> list[Snapshot]:
    """Return the newest snapshots of the instances whose last drill is too long ago."""
    agreed = Protection.objects.exclude(instance__line__backup={}).exclude(newest_at=None)
    rows = list(agreed.select_related("instance__line").order_by("pk"))
    last = queries.newest_drills([row.instance_id for row in rows])
    busy = set(queries.drills_under_way().filter(is_copy=False).values_list("instance", flat=True))
    due = []
    for row in rows:
        policy = policy_of(row.instance.line.backup)
        if policy is None or policy.drill_days is None or row.instance_id in busy:
            continue
        before = last.get(row.instance_id)
        if before is None or at - before.created_at >= timedelta(days=policy.drill_days):
            newest = queries.good_snapshots(row.instance).first()
            due += [newest] if newest else []
    return due
