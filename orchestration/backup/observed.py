"""Read what a node says of backups: a hostile one is refused. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_INSTANCES = 1000
MOST_OUTCOMES = 20
MOST_SNAPSHOTS = 5000
LARGEST = 2**62


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one backup."""

    number: int
    repository: str
    is_ok: bool
    message: str
    snapshot: str
    taken_at: datetime
    ended_at: datetime
    total_bytes: int
    added_bytes: int


@dataclass(frozen=True, slots=True)
class FoundBackup:
    """What a node says of the backups of one instance: up to which number it was asked."""

    instance: str
    number: int
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """What a store says of a repository, and of its last tidying."""

    repository: str
    stored_bytes: int
    problem: str
    number: int
    is_ok: bool
    message: str
    is_checked: bool
    snapshots: Sequence[tuple[str, str, datetime]]


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """What a node found in a partition that no instance holds for good."""

    name: str
    uid: str
    state: str
    reason: str
    log_tail: str
    connection: Mapping[str, str]
    promises: Sequence[Mapping[str, Any]]
    restored: int = 0
    restored_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class FoundBackups:
    """All that a report says of backups."""

    backups: Sequence[FoundBackup] = ()
    repositories: Sequence[FoundRepository] = ()
    seen: Mapping[str, bool] = field(default_factory=dict)


def parse(raw: Mapping[str, Any]) -> FoundBackups:
    """Return what a report says of backups; agents that know of none say nothing.

    Raises:
        ValueError, KeyError, TypeError: it is not what it should be.
    """
    backups, stores = raw.get("backups") or [], raw.get("stores") or []
    if len(backups) > MOST_INSTANCES or len(stores) > MOST_INSTANCES:
        raise ValueError("the report speaks of too many backups")
    return FoundBackups(
        backups=[_backup(one) for one in backups],
        repositories=[_repository(one) for one in stores],
        seen={_text(name, 12): bool(answers) for name, answers in (raw.get("seen") or {}).items()},
    )


def restored_of(one: Mapping[str, Any]) -> tuple[int, int | None]:
    """Return which wish a partition was restored for, and how many seconds that took."""
    restored = one.get("restored")
    if not restored:
        return 0, None
    return _number(restored["number"]), int(min(float(restored["seconds"]), 1e8))


def _backup(one: Mapping[str, Any]) -> FoundBackup:
    outcomes = [_outcome(outcome) for outcome in one["outcomes"][:MOST_OUTCOMES]]
    return FoundBackup(_text(one["instance_uid"], 12), _number(one["number"]), outcomes)


def _outcome(one: Mapping[str, Any]) -> Outcome:
    return Outcome(
        number=_number(one["number"]),
        repository=_text(one["repository"], 12),
        is_ok=bool(one["ok"]),
        message=_text(one["message"], 500),
        snapshot=_name(one["snapshot"]),
        taken_at=_time(one["begun"]),
        ended_at=_time(one["ended"]),
        total_bytes=_number(one["bytes"]),
        added_bytes=_number(one["added"]),
    )


def _repository(one: Mapping[str, Any]) -> FoundRepository:
    return FoundRepository(
        repository=_text(one["repository"], 12),
        stored_bytes=_number(one["bytes"]),
        problem=_text(one["problem"], 300),
        number=_number(one["number"]),
        is_ok=bool(one["ok"]),
        message=_text(one["message"], 500),
        is_checked=bool(one["checked"]),
        snapshots=[
            (_name(snapshot["id"]), _text(snapshot["host"], 12), _time(snapshot["received"]))
            for snapshot in one["snapshots"][:MOST_SNAPSHOTS]
        ],
    )


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {value!r:.40}")
    return value[:most].encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _name(value: Any) -> str:
    """Return the name of a snapshot: it goes into commands of other nodes."""
    name = _text(value, 64)
    if name.strip("0123456789abcdef"):
        raise ValueError(f"{name!r:.40} is no snapshot")
    return name


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST:
        raise ValueError(f"{value!r:.40} is no number")
    return value


def _time(value: Any) -> datetime:
    found = datetime.fromisoformat(_text(value, 40))
    if found.tzinfo is None:
        raise ValueError("a time has no zone")
    return found
