"""Read a node's report: a hostile one is refused, and speaks of that node's partitions only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from erp.base.errors import DomainError
from orchestration.backup import observed as backups
from orchestration.backup.observed import FoundBackups

FORMAT = "tenantry.report/1"
STATES = frozenset(
    {
        "started",
        "stopped",
        "starting",
        "building",
        "failed",
        "wiped",
        "empty",
        "waiting",
        "prepared",
    }
)
RELEASE_STATES = frozenset({"ready", "building", "failed", "waiting"})
MOST_PARTITIONS = 1000
MOST_FACTS = 100
MOST_PROMISES = 50
MOST_SHARED = 1000
MOST_PAIRS = 50
LONGEST_TEXT = 8000
# What is counted and shown as a number anywhere: beyond it, no arithmetic is sure.
LARGEST = 2**63 - 1


class BadReport(DomainError):
    """A node sent a report that cannot be read; nothing of it was stored."""

    code = "bad_report"


@dataclass(frozen=True, slots=True)
class FoundShared:
    """What a node says of a shared instance; `ok` is None while its host has not spoken of it."""

    uid: str
    generation: int
    ok: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class FoundPartition:
    """What a node found in one of its partitions."""

    name: str
    instance: str
    generation: int
    state: str
    reason: str
    log_tail: str
    connection: Mapping[str, str]
    promises: Sequence[Mapping[str, Any]]
    shared: Sequence[FoundShared] = ()
    restored: int = 0
    restored_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class FoundRelease:
    """What a node says of a release."""

    uid: str
    state: str
    reason: str
    log_tail: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report, checked."""

    revision: str
    applied: str
    state_hash: str
    agent_version: str
    agent_refused: str
    agent_refusal: str
    epoch: str
    partitions: Sequence[FoundPartition]
    releases: Sequence[FoundRelease]
    samples: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]
    backups: FoundBackups = field(default_factory=FoundBackups)


def parse(raw: Mapping[str, Any], *, node: str) -> Report:
    """Return the report of this node.

    Raises:
        BadReport: it is of another format or node, or not what it should be.
    """
    try:
        return _parse(raw, node=node)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadReport(f"The report cannot be read: {error!r}"[:500]) from error


def _parse(raw: Mapping[str, Any], *, node: str) -> Report:
    if raw["format"] != FORMAT:
        raise BadReport("The report has a format that this Master does not read.")
    if raw["node"] != node:
        raise BadReport("The report is of another node.")
    for group, name in (("partitions", "name"), ("releases", "uid")):
        if len(raw[group]) > MOST_PARTITIONS:
            raise BadReport("The report speaks of too many partitions or releases.")
        if len({one[name] for one in raw[group]}) < len(raw[group]):
            raise BadReport(f"The report speaks twice of one of its {group}.")
    # Agents that know of no trial say nothing of one.
    refused = raw.get("agent_refused") or {"version": "", "reason": ""}
    return Report(
        revision=text_of(raw["revision"], 64),
        applied=text_of(raw["revision_applied"], 64),
        state_hash=text_of(raw["state_hash"], 64),
        agent_version=text_of(raw["agent_version"], 64),
        agent_refused=text_of(refused["version"], 64),
        agent_refusal=text_of(refused["reason"]),
        epoch=text_of(raw["epoch"], 64),
        partitions=[_partition(one) for one in raw["partitions"]],
        releases=[_release(one) for one in raw["releases"]],
        samples=[dict(one) for one in raw["samples"]],
        events=[dict(one) for one in raw["events"][:MOST_PARTITIONS]],
        facts=facts_of(raw["facts"]),
        backups=backups.parse(raw),
    )


def _partition(one: Mapping[str, Any]) -> FoundPartition:
    if one["state"] not in STATES:
        raise BadReport(f"The report has an unknown state {one['state']!r:.40}.")
    pairs = _some(one["connection"], MOST_PAIRS)
    restored, seconds = backups.restored_of(one)
    return FoundPartition(
        name=text_of(one["name"], 20),
        instance=text_of(one["instance_uid"], 12),
        generation=int(one["generation"]),
        state=one["state"],
        reason=text_of(one["reason"]),
        log_tail=text_of(one["log_tail"]),
        connection={text_of(name, 60): text_of(value, 2000) for name, value in pairs},
        promises=[
            {
                "name": text_of(promise["name"], 80),
                "ok": bool(promise["ok"]),
                "message": text_of(promise["message"], 300),
            }
            for promise in one["promises"][:MOST_PROMISES]
        ],
        # Agents that know of none say nothing of them.
        shared=[_shared(entry) for entry in one.get("shared", [])[:MOST_SHARED]],
        restored=restored,
        restored_seconds=seconds,
    )


def _shared(one: Mapping[str, Any]) -> FoundShared:
    if not isinstance(one["ok"], bool | None):
        raise BadReport("The report does not say whether a shared instance is well.")
    return FoundShared(
        uid=text_of(one["uid"], 12),
        generation=int(one["generation"]),
        ok=one["ok"],
        message=text_of(one["message"], 300),
    )


def _release(one: Mapping[str, Any]) -> FoundRelease:
    if one["state"] not in RELEASE_STATES:
        raise BadReport(f"The report has an unknown state of a release {one['state']!r:.40}.")
    return FoundRelease(
        uid=text_of(one["uid"], 64),
        state=one["state"],
        reason=text_of(one["reason"]),
        log_tail=text_of(one["log_tail"]),
    )


def _some(pairs: Mapping[str, Any], most: int) -> list[tuple[str, Any]]:
    return list(pairs.items())[:most]


def text_of(value: Any, most: int = LONGEST_TEXT) -> str:
    """Return a text that PostgreSQL can hold, cut to its bound."""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, not {value!r:.40}")
    # JSON may hold half a character (a lone surrogate); PostgreSQL may not.
    whole = value[:most].encode("utf-8", "replace").decode("utf-8")
    return whole.replace("\x00", "")


def facts_of(raw: Mapping[str, Any]) -> dict[str, str | int | bool]:
    """Return what a machine says of itself, cut to its bounds."""
    return {text_of(name, 40): _fact(value) for name, value in _some(raw, MOST_FACTS)}


def _fact(value: Any) -> str | int | bool:
    if isinstance(value, bool | int):
        if abs(value) > LARGEST:
            raise ValueError("a number is beyond all bounds")
        return value
    return text_of(value, 200)
