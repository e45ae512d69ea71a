"""A move, a restore and a takeover take their steps once, and never leave two of one instance."""

from datetime import timedelta

import pytest

from erp.tickets.models import Ticket
from orchestration.allocation import services as allocation
from orchestration.backup import alarms, pointing, relocations, services, takeovers, tasks
from orchestration.backup.models import BackupRepository, Protection, Relocation, Takeover, Witness
from orchestration.backup.states import Going, Why
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition, NodeRoom
from tests.orchestration.backup.saved import HOURLY, a_snapshot, saved_instance
from tests.orchestration.backup.test_protecting import told
from tests.orchestration.builders import NOON, a_line

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=20)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "now", lambda: LATER)


def step(row: Relocation) -> str:
    tasks.advance_relocation(relocation=row.pk)
    row.refresh_from_db()
    return row.state


def still(row: Relocation) -> str:
    """The same task once more, delivered late: it changes nothing."""
    tasks.advance_relocation(relocation=row.pk)
    row.refresh_from_db()
    return row.state


def started(instance: Instance) -> None:
    instance.refresh_from_db()
    Instance.objects.filter(pk=instance.pk).update(
        state="started", observed_generation=instance.generation, state_since=LATER
    )


def test_a_move_goes_step_by_step_and_holds_what_it_leaves() -> None:
    instance = saved_instance()
    source = instance.partition
    assert source is not None
    row = relocations.ask_move(instance, at=NOON, by="test")
    assert step(row) == "copying"
    assert still(row) == "copying"
    a_snapshot(instance, number=1)
    assert step(row) == "preparing"
    assert still(row) == "preparing"
    assert row.target is not None
    assert row.target.node.name == "third"
    (slot,) = [one for one in told(row.target.node)["partitions"] if one["instance"]]
    assert slot["instance"]["requested_state"] == "prepared"
    assert slot["instance"]["restore"]["snapshot"] == "0123abcd"

    Relocation.objects.update(is_prepared=True)
    assert step(row) == "stopping"
    assert still(row) == "stopping"
    (slot,) = [one for one in told(instance.node)["partitions"] if one["instance"]]
    assert slot["instance"]["requested_state"] == "stopped"
    assert slot["instance"]["backup"]["asked"] == 2

    a_snapshot(instance, "89abcdef", number=2)
    assert step(row) == "starting"
    assert still(row) == "starting"
    instance.refresh_from_db()
    assert (instance.partition, instance.generation, instance.state) == (row.target, 2, "placed")
    source.refresh_from_db()
    assert source.held_for == instance.reference
    assert NodeRoom.objects.get(node__name="first").free_partitions == 1
    (slot,) = [one for one in told(row.target.node)["partitions"] if one["instance"]]
    assert slot["instance"]["restore"]["snapshot"] == "89abcdef"
    assert slot["instance"]["restore"]["follows"]
    assert not [one for one in told(source.node)["partitions"] if one["instance"]]

    started(instance)
    assert step(row) == "done"
    assert still(row) == "done"
    assert row.lost_seconds == 0


def test_what_named_the_old_place_names_the_new_one() -> None:
    instance = saved_instance()
    source = instance.partition
    ComputePartition.objects.filter(node__name="third", name="p0").update(
        address="10.0.0.9", address6="fd00::9", port_first=30000
    )
    target = ComputePartition.objects.get(node__name="third", name="p0")
    assert source is not None
    source.address6 = "fd00::1"
    given = {
        "backend": "http://127.0.0.1:21003/path?a=127.0.0.1:21000",
        "other": "http://127.0.0.1:21010/",
        "longer": "http://5127.0.0.1:210001/",
        "six": "http://[fd00::1]:21000/",
        "count": 21000,
    }
    assert pointing.renamed(given, source, target) == {
        "backend": "http://10.0.0.9:30003/path?a=10.0.0.9:30000",
        "other": "http://127.0.0.1:21010/",
        "longer": "http://5127.0.0.1:210001/",
        "six": "http://[fd00::9]:30000/",
        "count": 21000,
    }

    site = a_line(instance.organisation, parameters={"title": "at 127.0.0.1:21000"})
    strange = a_line(parameters={"title": "at 127.0.0.1:21000"})
    row = services.begin(
        instance, Why.MOVE, Going.STARTING, at=NOON, by="test", snapshot=a_snapshot(instance)
    )
    Relocation.objects.filter(pk=row.pk).update(target=target, generation=1, away_at=NOON)
    assert step(row) == "done"
    site.refresh_from_db()
    strange.refresh_from_db()
    assert site.parameters["title"] == "at 10.0.0.9:30000"
    assert strange.parameters["title"] == "at 127.0.0.1:21000"


def test_a_move_that_is_called_off_leaves_everything_as_it_was() -> None:
    instance = saved_instance()
    row = relocations.ask_move(instance, at=NOON, by="test")
    a_snapshot(instance, number=1)
    assert step(row) == "preparing"
    relocations.cancel(row, at=NOON, by="test")
    (slot,) = [one for one in told(instance.node)["partitions"] if one["instance"]]
    assert slot["instance"]["requested_state"] == "started"
    assert row.target is not None
    assert not [one for one in told(row.target.node)["partitions"] if one["instance"]]
    # Not free before its node says that nothing is left there.
    assert ComputePartition.objects.get(pk=row.target_id or 0).held_for == row.reference


def test_there_is_no_second_move_of_the_same_instance() -> None:
    instance = saved_instance()
    relocations.ask_move(instance, at=NOON, by="test")
    snapshot = a_snapshot(instance)
    with pytest.raises(services.BusyAlready):
        services.restore(instance, snapshot, at=NOON, by="test")
    instance.refresh_from_db()
    assert instance.generation == 1


def test_a_held_partition_is_taken_by_nobody() -> None:
    instance = saved_instance()
    node = ComputeNode.objects.get(name="third")
    ComputePartition.objects.exclude(node=node).exclude(instance=instance).update(held_for="X")
    ComputePartition.objects.filter(node=node).update(held_for="X")
    assert set(NodeRoom.objects.values_list("free_partitions", flat=True)) == {0}
    Instance.objects.filter(pk=instance.pk).update(state="waiting", partition=None, node=None)
    ComputePartition.objects.update(held_for="X")
    assert not allocation.place(instance.pk, at=NOON)


def lose(name: str = "first") -> ComputeNode:
    ComputeNode.objects.filter(name=name).update(
        state="unreachable", failures=3, last_seen_at=NOON, last_error="no route"
    )
    return ComputeNode.objects.get(name=name)


def test_a_lost_node_is_given_up_by_hand_and_its_instance_placed_once() -> None:
    instance = saved_instance()
    a_snapshot(instance, at=NOON - timedelta(minutes=10))
    node = lose()
    first = takeovers.declare(node, at=LATER, by="test")
    again = takeovers.declare(node, at=LATER, by="test")
    assert first is not None
    assert again is None
    tasks.sweep_relocations()
    tasks.sweep_relocations()
    row = Relocation.objects.get()
    assert (row.state, row.lost_seconds, row.takeover) == ("starting", 600, first)
    instance.refresh_from_db()
    # Not on the store: one loss would be both.
    assert instance.node is not None
    assert instance.node.name == "third"
    started(instance)
    tasks.sweep_relocations()
    tasks.sweep_relocations()
    assert Takeover.objects.get().state == "done"


def test_a_node_that_answers_is_not_given_up() -> None:
    saved_instance()
    with pytest.raises(takeovers.NodeAnswers):
        takeovers.declare(ComputeNode.objects.get(name="first"), at=LATER, by="test")


def test_a_node_that_is_back_before_its_turn_keeps_what_it_has() -> None:
    instance = saved_instance()
    a_snapshot(instance)
    node = lose()
    takeovers.declare(node, at=LATER, by="test")
    ComputeNode.objects.filter(pk=node.pk).update(
        state="ready", failures=0, last_seen_at=LATER + timedelta(seconds=1)
    )
    tasks.sweep_relocations()
    assert Relocation.objects.get().state == "cancelled"
    instance.refresh_from_db()
    assert instance.node == node


@pytest.mark.parametrize(
    ("answers", "given_up"), [([False], True), ([False, True], False), ([None], False), ([], False)]
)
def test_by_agreement_only_when_others_cannot_reach_it_either(
    answers: list[bool | None], given_up: bool
) -> None:
    instance = saved_instance(HOURLY | {"takeover_minutes": 10})
    a_snapshot(instance)
    node = lose()
    others = ComputeNode.objects.exclude(pk=node.pk).order_by("pk")
    others.update(last_seen_at=LATER)
    for other, said in zip(others, answers, strict=False):
        Witness.objects.create(
            organisation=node.organisation, node=node, witness=other, asked_at=NOON, answers=said
        )
    takeovers.watch(node, at=LATER)
    takeovers.watch(node, at=LATER)
    assert Takeover.objects.exists() == given_up


def test_before_the_agreed_time_nothing_is_given_up() -> None:
    instance = saved_instance(HOURLY | {"takeover_minutes": 30})
    a_snapshot(instance)
    node = lose()
    tasks.sweep_takeovers()
    tasks.sweep_takeovers()
    names = Witness.objects.values_list("witness__name", flat=True)
    assert sorted(names) == ["second", "third"]
    other = ComputeNode.objects.get(name="second")
    assert told(other)["witness"] == [{"node": node.reference, "address": "first", "port": 22}]
    Witness.objects.update(answers=False)
    ComputeNode.objects.exclude(pk=node.pk).update(last_seen_at=LATER)
    takeovers.watch(node, at=LATER)
    assert not Takeover.objects.exists()
    ComputeNode.objects.filter(pk=node.pk).update(state="ready", failures=0)
    tasks.sweep_takeovers()
    assert not Witness.objects.exists()


def test_a_draining_node_is_emptied_a_few_at_a_time() -> None:
    instance = saved_instance()
    a_snapshot(instance)
    tasks.sweep_relocations()
    assert not Relocation.objects.exists()
    ComputeNode.objects.filter(name="first").update(state="draining")
    tasks.sweep_relocations()
    tasks.sweep_relocations()
    row = Relocation.objects.get()
    assert (row.instance, row.why, row.state) == (instance, "move", "copying")
    relocations.cancel(row, at=LATER, by="test")
    tasks.sweep_relocations()
    assert Relocation.objects.count() == 1


def test_what_does_not_come_back_is_told_once() -> None:
    instance = saved_instance()
    services.restore(instance, a_snapshot(instance), at=NOON, by="test")
    alarms.tell(at=LATER)
    assert not Ticket.objects.exists()
    late = NOON + timedelta(minutes=31)
    alarms.tell(at=late)
    alarms.tell(at=late)
    ticket = Ticket.objects.get()
    assert "is not back yet" in ticket.subject
    Relocation.objects.update(state="done")
    alarms.tell(at=late)
    ticket.refresh_from_db()
    assert ticket.state == "closed"


def test_a_store_that_is_away_for_long_is_followed_by_another() -> None:
    instance = saved_instance()
    ComputeNode.objects.filter(name="second").update(
        failures=3, state="unreachable", last_seen_at=LATER - timedelta(hours=7)
    )
    for _ in range(3):
        tasks.sweep_backups()
    found = BackupRepository.objects.order_by("pk").values_list("store__name", "state")
    assert list(found) == [("second", "left"), ("third", "ready")]
    assert Protection.objects.get().repository == BackupRepository.objects.get(state="ready")
    assert instance.protection.asked == 0


def test_what_was_never_saved_fails_and_says_why() -> None:
    saved_instance()
    takeovers.declare(lose(), at=LATER, by="test")
    tasks.sweep_relocations()
    row = Relocation.objects.get()
    assert (row.state, row.state_reason) == ("failed", "there is no snapshot of it")
    assert Protection.objects.get().newest_at is None
