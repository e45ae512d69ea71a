"""Drills and copies: a snapshot lives beside its instance, and is evidence of what it was worth."""

from datetime import timedelta
from typing import Any

import pytest

from erp.tickets.models import Ticket
from orchestration.backup import drills, intake, services, tasks
from orchestration.backup.models import BackupRepository, Drill, Snapshot
from orchestration.backup.observed import FoundBackups, FoundPlace, FoundRepository, parse
from orchestration.nodes.models import ComputeNode, ComputePartition
from tests.orchestration.backup.saved import HOURLY, a_snapshot, saved_instance
from tests.orchestration.backup.test_protecting import told
from tests.orchestration.builders import NOON

pytestmark = pytest.mark.django_db
SOON = NOON + timedelta(minutes=3)


def said(drill: Drill, state: str, **changes: Any) -> None:
    """What the node of a drill reports of its partition."""
    assert drill.partition is not None
    facts: dict[str, Any] = {
        "name": drill.partition.name, "uid": drill.reference, "state": state, "reason": "",
        "log_tail": "", "connection": {"url": "http://x/"},
        "promises": [{"name": "it answers", "ok": True, "message": ""}],
        "restored": drill.pk, "restored_seconds": 7,
    }  # fmt: skip
    place = FoundPlace(**(facts | changes))
    node = ComputeNode.objects.get(pk=drill.node_id or 0)
    intake.take(node, FoundBackups(), [place], applied="", at=SOON)
    drill.refresh_from_db()


def a_drill(*, is_copy: bool = False) -> Drill:
    instance = saved_instance(HOURLY | {"drill_days": 30})
    snapshot = a_snapshot(instance, at=NOON - timedelta(minutes=30))
    drill = drills.begin(snapshot, at=NOON, by="test", is_copy=is_copy)
    drills.advance(drill.pk, at=NOON)
    drills.advance(drill.pk, at=NOON)
    drill.refresh_from_db()
    return drill


def test_a_sweep_begins_the_drill_that_is_due_once() -> None:
    instance = saved_instance(HOURLY | {"drill_days": 30})
    a_snapshot(instance)
    tasks.sweep_drills()
    tasks.sweep_drills()
    drill = Drill.objects.get()
    assert (drill.state, drill.instance, drill.by) == ("restoring", instance, "schedule")
    (slot,) = [one for one in told(drill.node)["partitions"] if one["instance"]]
    assert slot["instance"]["uid"] == drill.reference
    assert slot["instance"]["restore"]["snapshot"] == "0123abcd"
    assert "backup" not in slot["instance"]


def test_a_drill_that_passes_keeps_its_evidence_and_gives_its_place_back() -> None:
    drill = a_drill()
    said(drill, "started")
    said(drill, "started")
    assert (drill.state, drill.rpo_seconds, drill.rto_seconds) == ("passed", 1800, 180)
    assert drill.restored_seconds == 7
    assert [one["ok"] for one in drill.promises] == [True]
    assert drill.partition is not None
    assert drill.partition.held_for == drill.reference
    assert not [one for one in told(drill.node)["partitions"] if one["instance"]]

    # Free only when its node, having what it should, found nothing there.
    node = ComputeNode.objects.get(pk=drill.node_id or 0)
    empty = FoundPlace(drill.partition.name, "", "empty", "", "", {}, [])
    intake.take(node, FoundBackups(), [empty], applied="", at=SOON)
    assert ComputePartition.objects.get(pk=drill.partition_id or 0).held_for == drill.reference
    intake.take(node, FoundBackups(), [empty], applied=node.desired_revision, at=SOON)
    assert ComputePartition.objects.get(pk=drill.partition_id or 0).held_for == ""


def test_a_drill_that_fails_is_told_and_the_next_that_passes_closes_it() -> None:
    drill = a_drill()
    said(drill, "failed", reason="the data are broken", promises=[])
    assert (drill.state, drill.state_reason) == ("failed", "the data are broken")
    ticket = Ticket.objects.get(cause=f"drill:{drill.instance.reference}")
    assert "the data are broken" in ticket.messages.get().body
    again = drills.begin(drill.snapshot, at=SOON, by="test")
    drills.advance(again.pk, at=SOON)
    again.refresh_from_db()
    said(again, "started")
    ticket.refresh_from_db()
    assert ticket.state == "closed"


def test_a_drill_that_never_ends_fails_by_itself() -> None:
    drill = a_drill()
    drills.advance(drill.pk, at=NOON + drills.LONGEST)
    drill.refresh_from_db()
    assert (drill.state, drill.state_reason) == ("failed", "it took too long")


def test_a_copy_is_used_until_it_is_ended() -> None:
    drill = a_drill(is_copy=True)
    said(drill, "started")
    assert drill.state == "running"
    assert drills.connection_of(drill) == {"url": "http://x/"}
    drills.end(drill, at=SOON, by="test")
    drill.refresh_from_db()
    assert drill.state == "ended"
    assert not [one for one in told(drill.node)["partitions"] if one["instance"]]


def test_there_are_so_many_copies_and_no_more() -> None:
    drill = a_drill(is_copy=True)
    drills.begin(drill.snapshot, at=NOON, by="test", is_copy=True)
    with pytest.raises(drills.TooManyCopies):
        drills.begin(drill.snapshot, at=NOON, by="test", is_copy=True)
    assert Drill.objects.count() == 2


def outcome(**changes: Any) -> dict[str, Any]:
    repository = BackupRepository.objects.get()
    return {
        "number": 1, "begun": NOON.isoformat(), "ended": SOON.isoformat(), "ok": True,
        "repository": repository.reference, "message": "", "snapshot": "89abcdef", "bytes": 10,
        "added": 3,
    } | changes  # fmt: skip


def hear(node: ComputeNode | None, **raw: Any) -> None:
    assert node is not None
    intake.take(node, parse(raw), [], applied="", at=SOON)


def test_a_snapshot_is_written_down_once_and_of_the_nodes_own_instances_only() -> None:
    instance = saved_instance()
    number = services.snapshot_now(instance, at=NOON, by="test", why="now")
    told_of = [{"instance_uid": instance.reference, "number": number, "outcomes": [outcome()]}]
    hear(ComputeNode.objects.get(name="third"), backups=told_of)
    assert not Snapshot.objects.exists()
    hear(instance.node, backups=told_of)
    hear(instance.node, backups=told_of)
    row = Snapshot.objects.get()
    assert (row.instance, row.number, row.total_bytes, row.added_bytes) == (instance, 1, 10, 3)
    instance.protection.refresh_from_db()
    assert (instance.protection.answered, instance.protection.newest_at) == (1, NOON)


@pytest.mark.parametrize(
    "changes",
    [
        {"snapshot": "; rm -rf /"},
        {"bytes": -1},
        {"begun": "yesterday"},
        {"begun": "2026-11-01T12:00:00"},
        {"number": True},
    ],
)
def test_what_no_honest_node_says_is_refused(changes: dict[str, Any]) -> None:
    instance = saved_instance()
    told_of = {"instance_uid": instance.reference, "number": 1, "outcomes": [outcome(**changes)]}
    with pytest.raises((ValueError, TypeError)):
        hear(instance.node, backups=[told_of])
    assert not Snapshot.objects.exists()


def test_the_store_has_the_last_word_on_what_there_is() -> None:
    instance = saved_instance()
    repository = BackupRepository.objects.get()
    kept, lied, new = (a_snapshot(instance, name) for name in ("aaaaaaaa", "bbbbbbbb", "cccccccc"))
    Snapshot.objects.filter(pk=new.pk).update(ended_at=SOON + timedelta(hours=1))
    services.tend(repository.pk, part="", at=SOON)
    found = FoundRepository(
        repository.reference, 500, "", 1, True, "", True,
        [("aaaaaaaa", instance.reference, NOON), ("dddddddd", instance.reference, NOON)],
    )  # fmt: skip
    store = ComputeNode.objects.get(pk=repository.store_id)
    for _ in range(2):
        intake.take(store, FoundBackups(repositories=[found]), [], applied="", at=SOON)
    states = dict(Snapshot.objects.values_list("name", "state"))
    assert states == {"aaaaaaaa": "good", "bbbbbbbb": "missing", "cccccccc": "good",
                      "dddddddd": "good"}  # fmt: skip
    kept.refresh_from_db()
    assert kept.seen_at == SOON
    repository.refresh_from_db()
    assert (repository.stored_bytes, repository.tended, repository.checked_at) == (500, 1, SOON)
    with pytest.raises(services.NoSnapshot):
        services.restore(instance, Snapshot.objects.get(pk=lied.pk), at=SOON, by="test")
