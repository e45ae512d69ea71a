"""Protect, tidy, drill, move and take over: sweeps that find their own work."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from celery import shared_task

from erp.base.doors import now
from erp.base.errors import DomainError
from orchestration.backup import alarms, drills, queries, relocations, services, takeovers

BATCH = 200
# A store that is away for so long is given up for new snapshots: another one is begun.
STORE_PATIENCE = timedelta(hours=6)
# An instance of a draining node whose move failed is tried again after this.
TRY_AGAIN = timedelta(minutes=30)
TEND_EVERY = timedelta(hours=6)
# With four tidyings a day, all of the data are read again within a week.
PARTS = 28
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def sweep_backups(**_: Any) -> None:
    """Protect what is not, tidy stores whose time has come, and tell of what is overdue."""
    at = now()
    _each(services.protect, queries.to_protect().values_list("pk", flat=True)[:BATCH], at=at)
    for pk in queries.to_tend(at, every=TEND_EVERY).values_list("pk", flat=True)[:BATCH]:
        services.tend(pk, part=_part(at), at=at)
    for repository in queries.to_end()[:BATCH]:
        services.forget(repository, at=at)
    for away in queries.to_leave(at, after=STORE_PATIENCE)[:BATCH]:
        services.leave_store(away, at=at, by="backup", why="its store is away for too long")
    alarms.tell(at=at)


def _part(at: datetime) -> str:
    """Return which part of the data is read again at this hour: all of it within a week."""
    number = (at.toordinal() * 4 + at.hour // 6) % PARTS
    return f"{number + 1}/{PARTS}"


@shared_task(ignore_result=True)
def sweep_relocations(**_: Any) -> None:
    """Take every step whose time has come, of the most important first."""
    at = now()
    keys = queries.relocations_under_way().values_list("pk", flat=True)[:BATCH]
    _each(relocations.advance, keys, at=at)
    drained = queries.to_move(at, pause=TRY_AGAIN).values_list("pk", flat=True)[:BATCH]
    _each(relocations.empty, drained, at=at)
    _each(takeovers.close, queries.open_takeovers().values_list("pk", flat=True)[:BATCH], at=at)


@shared_task(ignore_result=True, acks_late=True, throws=(DomainError,))
def advance_relocation(*, relocation: int, **_: Any) -> None:
    """Take the next step of one relocation; running it twice changes nothing."""
    relocations.advance(relocation, at=now())


@shared_task(ignore_result=True)
def sweep_drills(**_: Any) -> None:
    """Begin the drills that are due, and go on with those that are under way."""
    at = now()
    for snapshot in alarms.drills_due(at)[:BATCH]:
        try:
            drills.begin(snapshot, at=at, by="schedule")
        except DomainError as error:
            log.warning("drill of %s waits: %s", snapshot.instance_id, error)
    _each(drills.advance, queries.drills_under_way().values_list("pk", flat=True)[:BATCH], at=at)


@shared_task(ignore_result=True)
def sweep_takeovers(**_: Any) -> None:
    """Give up nodes that are lost for as long as was agreed, and that others cannot reach."""
    at = now()
    for node in takeovers.watched()[:BATCH]:
        try:
            takeovers.watch(node, at=at)
        except DomainError as error:
            log.warning("takeover of %s waits: %s", node, error)
    for pk in takeovers.found_again():
        takeovers.dismiss_witnesses(pk)


def _each(do: Callable[..., object], keys: Iterable[int], *, at: datetime) -> None:
    """Do it for each; one that cannot be done stops no other."""
    for key in list(keys):
        try:
            do(key, at=at)
        except DomainError as error:
            log.warning("%s %s waits: %s", do.__name__, key, error)
