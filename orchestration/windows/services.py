"""Plan windows, tell those concerned ahead, move and cancel; every step may run twice."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.outbox.letters import address
from erp.outbox.services import Letter, emit, post
from erp.outbox.states import Topic
from orchestration.nodes.models import ComputeNode
from orchestration.windows import queries
from orchestration.windows.models import MaintenanceWindow, Occurrence
from orchestration.windows.recurrence import Rule, times

MOST_SERVICES = 30


class BadWindow(DomainError):
    """This window can never come."""

    code = "bad_window"
    status = 422


class NotMovable(DomainError):
    """This time cannot be moved."""

    code = "not_movable"
    status = 422


class IsOver(DomainError):
    """This time is over, or was cancelled."""

    code = "is_over"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a window is for: one of the three."""

    node: ComputeNode | None = None
    region: str = ""
    contract: Contract | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is told ahead, how long, and by how much each time may be moved."""

    what: str
    notice_hours: int = 72
    movable_hours: int = 0


@transaction.atomic
def plan(
    owner: Organisation, scope: Scope, rule: Rule, terms: Terms, *, at: datetime, by: str
) -> MaintenanceWindow:
    """Write down a window and its first times; one of a contract belongs to its organisation.

    Raises:
        BadWindow: it lies in the past.
    """
    if rule.starts_at is not None and rule.starts_at <= at:
        raise BadWindow("A window begins in the future: what is past cannot be announced.")
    window = MaintenanceWindow.objects.create(
        organisation=scope.contract.organisation if scope.contract else owner,
        node=scope.node,
        region=scope.region,
        contract=scope.contract,
        what=terms.what,
        notice_hours=terms.notice_hours,
        movable_hours=terms.movable_hours if scope.contract else 0,
        weekday=rule.weekday,
        hour=rule.hour,
        minute=rule.minute,
        zone=rule.zone,
        starts_at=rule.starts_at,
        duration_minutes=rule.duration_minutes,
        created_at=at,
    )
    record(window, "planned", at=at, by=by, why=f"{terms.what}: {rule}")
    come(window, at=at)
    return window


def come(window: MaintenanceWindow, *, at: datetime) -> None:
    """Write down the times that come; those that are there stay as they are."""
    notice = timedelta(hours=window.notice_hours)
    until = at + notice + queries.AHEAD
    if window.starts_at is not None:
        until = max(until, window.starts_at)
    Occurrence.objects.bulk_create(
        [
            Occurrence(
                organisation_id=window.organisation_id,
                window=window,
                planned_at=one.start,
                starts_at=one.start,
                ends_at=one.end,
                tell_before=one.start - notice,
            )
            for one in times(window.rule, after=at, until=until)
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def announce(occurrence_pk: int, *, at: datetime) -> None:
    """Tell every organisation with a service there, once; the message names its services."""
    rows = Occurrence.objects.select_for_update(of=("self",))
    occurrence = rows.select_related("window__node", "window__contract").get(pk=occurrence_pk)
    if occurrence.cancelled_at or occurrence.ends_at <= at:
        return
    for organisation, names in _concerned(occurrence.window).items():
        _tell(organisation, occurrence, names, "announced", at=at)
    if occurrence.announced_at is None:
        occurrence.announced_at = at
        occurrence.save(update_fields=["announced_at"])
        record(occurrence.window, "announced", at=at, by="windows", why=_when(occurrence))


def _concerned(window: MaintenanceWindow) -> dict[Organisation, list[str]]:
    found: dict[Organisation, list[str]] = defaultdict(list)
    rows = queries.concerned(window).select_related("organisation", "line")
    for instance in rows.defer("parameters"):
        found[instance.organisation].append(instance.line.name)
    return found


def _tell(
    organisation: Organisation, occurrence: Occurrence, names: list[str], what: str, *, at: datetime
) -> None:
    window = occurrence.window
    path = f"/services/{window.contract.reference}" if window.contract else "/services/"
    facts: Mapping[str, Any] = {
        "what": window.what,
        "services": names[:MOST_SERVICES],
        "more": max(len(names) - MOST_SERVICES, 0),
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "movable_hours": window.movable_hours,
        "link": address(path),
    }
    key = f"{occurrence.reference}:{what}"
    if what == "moved":
        key += f":{occurrence.starts_at.isoformat()}"
    letter = Letter(
        key, Topic.MAINTENANCE, f"maintenance_{what}", facts, about=window,
        thread=occurrence.reference,
    )  # fmt: skip
    post(organisation, letter, at=at)
    data = {
        "change": what,
        "what": window.what,
        "services": names[:MOST_SERVICES],
        "starts_at": occurrence.starts_at.isoformat(),
        "ends_at": occurrence.ends_at.isoformat(),
    }
    emit(organisation, "maintenance.planned", data, key=key, at=at)


@transaction.atomic
def shift(occurrence: Occurrence, *, starts_at: datetime, at: datetime, by: str) -> None:
    """Move one time of a contract's window, within its limits; the same time again is no move.

    Raises:
        NotMovable: it has begun, cannot be moved at all, or not so far.
        IsOver: it was cancelled.
    """
    occurrence = _locked(occurrence)
    window = occurrence.window
    if occurrence.cancelled_at:
        raise IsOver
    if starts_at == occurrence.starts_at:
        return
    if occurrence.starts_at <= at or starts_at <= at:
        raise NotMovable("Only what has not begun can be moved, and only to a time ahead.")
    if abs(starts_at - occurrence.planned_at) > timedelta(hours=window.movable_hours):
        raise NotMovable(
            f"This window may be moved by at most {window.movable_hours} hours from "
            f"{occurrence.planned_at:%Y-%m-%d %H:%M} UTC."
            if window.movable_hours
            else "This window is not yours to move: write a ticket about it."
        )
    length = occurrence.ends_at - occurrence.starts_at
    was = _when(occurrence)
    occurrence.starts_at, occurrence.ends_at = starts_at, starts_at + length
    occurrence.moved_at = at
    occurrence.save(update_fields=["starts_at", "ends_at", "moved_at"])
    record(window, "moved", at=at, by=by, why=f"from {was} to {_when(occurrence)}")
    _tell_all(occurrence, "moved", at=at)


def _tell_all(occurrence: Occurrence, what: str, *, at: datetime) -> None:
    for organisation, names in _concerned(occurrence.window).items():
        _tell(organisation, occurrence, names, what, at=at)


def _locked(occurrence: Occurrence) -> Occurrence:
    rows = Occurrence.objects.select_for_update(of=("self",))
    return rows.select_related("window__contract").get(pk=occurrence.pk)


@transaction.atomic
def cancel(occurrence: Occurrence, *, at: datetime, by: str, why: str) -> None:
    """Call one time off; one that is under way ends now, and what was is excused.

    Raises:
        IsOver: it is over.
    """
    occurrence = _locked(occurrence)
    if occurrence.cancelled_at:
        return
    if occurrence.ends_at <= at:
        raise IsOver
    if occurrence.starts_at < at:
        occurrence.ends_at = at
        occurrence.save(update_fields=["ends_at"])
        record(occurrence.window, "ended_early", at=at, by=by, why=why)
        return
    occurrence.cancelled_at = at
    occurrence.save(update_fields=["cancelled_at"])
    record(occurrence.window, "cancelled", at=at, by=by, why=f"{_when(occurrence)}: {why}")
    if occurrence.announced_at:
        _tell_all(occurrence, "cancelled", at=at)


@transaction.atomic
def end(window: MaintenanceWindow, *, at: datetime, by: str, why: str) -> None:
    """Let a window come no more; the times ahead are cancelled. Ending it twice changes nothing."""
    window = MaintenanceWindow.objects.select_for_update().get(pk=window.pk)
    if window.ended_at:
        return
    ahead = window.occurrences.filter(cancelled_at=None, starts_at__gt=at)
    for occurrence in ahead.order_by("pk"):
        cancel(occurrence, at=at, by=by, why=why)
    window.ended_at = at
    window.save(update_fields=["ended_at"])
    record(window, "ended", at=at, by=by, why=why)


def _when(occurrence: Occurrence) -> str:
    return f"{occurrence.starts_at:%Y-%m-%d %H:%M} to {occurrence.ends_at:%H:%M} UTC"
