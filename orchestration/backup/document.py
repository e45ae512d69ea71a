"""What the document of a node says of backups: of what runs there, of what is kept there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.backup.models import (
    BackupRepository,
    Drill,
    Protection,
    Relocation,
    Snapshot,
    Witness,
)
from orchestration.backup.policy import policy_of
from orchestration.backup.secrets import password_of, store_user, target_of
from orchestration.backup.states import DRILL_UNDER_WAY, UNDER_WAY, Going, Stored, Why
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode

# A store is told so long that a repository is no more: longer than it may be away.
REMEMBERED = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Sections:
    """What comes to the document beside the instances themselves.

    Args:
        of_instances: by key of the instance, what is added to it.
        held: by key of a partition that no instance holds, what stands there for a while.
    """

    of_instances: Mapping[int, Mapping[str, Any]]
    held: Mapping[int, tuple[Instance, Mapping[str, Any]]]
    store: Mapping[str, Any] | None
    witness: Sequence[Mapping[str, Any]]


def sections(node: ComputeNode, *, at: datetime) -> Sections:
    """Return all of it: seven statements, however many instances."""
    return Sections(_of_instances(node), _held(node), _store(node, at=at), _witness(node))


def _of_instances(node: ComputeNode) -> dict[int, dict[str, Any]]:
    protected = Protection.objects.filter(instance__partition__node=node).select_related(
        "instance__line", "repository__store"
    )
    found: dict[int, dict[str, Any]] = {}
    for one in protected:
        found[one.instance_id] = _protected(one)
    going = Relocation.objects.filter(
        instance__partition__node=node, state__in=UNDER_WAY
    ).select_related("snapshot__repository__store")
    for relocation in going:
        changes = found.setdefault(relocation.instance_id, {})
        if relocation.state == Going.STOPPING:
            changes["requested_state"] = "stopped"
        if relocation.state == Going.STARTING and relocation.snapshot:
            follows = relocation.why == Why.MOVE
            changes["restore"] = _restore(relocation.pk, relocation.snapshot, follows=follows)
    return found


def _protected(one: Protection) -> dict[str, Any]:
    policy = policy_of(one.instance.line.backup)
    if policy is None or one.repository is None:
        return {}
    asked = {"every_seconds": policy.every_minutes * 60, "asked": one.asked}
    found: dict[str, Any] = {"backup": target_of(one.repository) | asked}
    if policy.takeover_minutes is not None:
        found["guarded"] = True
    return found


def _restore(number: int, snapshot: Snapshot, *, follows: bool = False) -> dict[str, Any]:
    asked = {"number": number, "snapshot": snapshot.name, "follows": follows}
    return target_of(snapshot.repository) | asked


def _held(node: ComputeNode) -> dict[int, tuple[Instance, dict[str, Any]]]:
    found: dict[int, tuple[Instance, dict[str, Any]]] = {}
    moving = Relocation.objects.filter(
        target__node=node, state__in=[Going.PREPARING, Going.STOPPING]
    ).exclude(snapshot=None)
    for one in moving.select_related("instance__release", "snapshot__repository__store").defer(
        "instance__release__archive"
    ):
        assert one.target_id is not None
        assert one.snapshot is not None
        restore = _restore(one.pk, one.snapshot)
        changes = {"requested_state": "prepared", "restore": restore}
        found[one.target_id] = one.instance, changes
    drills = Drill.objects.filter(node=node, state__in=DRILL_UNDER_WAY).exclude(partition=None)
    for drill in drills.select_related("instance__release", "snapshot__repository__store").defer(
        "instance__release__archive"
    ):
        assert drill.partition_id is not None
        found[drill.partition_id] = drill.instance, _of_drill(drill)
    return found


def _of_drill(drill: Drill) -> dict[str, Any]:
    """A drill stands under its own name; what needs other instances is brought back, not started.

    Started, it would talk to the ones that its customers use.
    """
    kind = drill.instance.release.profile["types"].get(drill.instance.software_type, {})
    return {
        "uid": drill.reference,
        "generation": 1,
        "requested_state": "prepared" if kind.get("children") else "started",
        "restore": _restore(drill.pk, drill.snapshot),
    }


def _store(node: ComputeNode, *, at: datetime) -> dict[str, Any] | None:
    kept = BackupRepository.objects.filter(store=node).exclude(state=Stored.GONE)
    rows = list(kept.select_related("line").order_by("pk"))
    gone = BackupRepository.objects.filter(
        store=node, state=Stored.GONE, state_since__gte=at - REMEMBERED
    )
    names = list(gone.order_by("pk").values_list("reference", flat=True))
    if not rows and not names:
        return None
    roots = Instance.objects.filter(line__in={row.line_id for row in rows}, parent=None)
    billed = dict(roots.values_list("line", "reference"))
    return {
        "user": store_user(node),
        "repositories": [_kept(row, billed.get(row.line_id, "")) for row in rows],
        "gone": names,
    }


def _kept(row: BackupRepository, billed: str) -> dict[str, Any]:
    """Return what the store is told; the password only while it tidies, which needs it."""
    policy = policy_of(row.line.backup)
    found: dict[str, Any] = {
        "repository": row.reference,
        "instance_uid": billed,
        "public_key": row.public_key,
        "most_bytes": policy.most_bytes if policy else row.stored_bytes,
    }
    if row.tend_asked > row.tended and policy:
        held = Relocation.objects.filter(state__in=UNDER_WAY, snapshot__repository=row)
        tried = Drill.objects.filter(state__in=DRILL_UNDER_WAY, snapshot__repository=row)
        found["tend"] = {
            "number": row.tend_asked,
            "password": password_of(row),
            "keep": dict(policy.keep),
            "check": row.check_part,
            "hold": sorted(
                {*held.values_list("snapshot__name", flat=True),
                 *tried.values_list("snapshot__name", flat=True)}
            ),
        }  # fmt: skip
    return found


def _witness(node: ComputeNode) -> list[dict[str, Any]]:
    rows = Witness.objects.filter(witness=node).select_related("node").order_by("node")
    return [
        {"node": row.node.reference, "address": row.node.host, "port": row.node.port}
        for row in rows
    ]
