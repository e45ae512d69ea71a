"""A node is lost while it writes: its service comes back elsewhere, once, with little missing."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from erp.base.doors import now
from erp.tickets.models import Ticket
from orchestration.backup import relocations, services, takeovers
from orchestration.backup.models import Drill, Relocation, Snapshot, Takeover
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition
from tests.fleet.fleet import Fleet, Host
from tests.scenarios.saving import (
    HOURLY,
    a_counter,
    counted,
    host_of,
    is_started,
    machines,  # noqa: F401  (a fixture)
    nodes,  # noqa: F401  (a fixture)
    saved,
    turn,
    turn_until,
)
from tests.scenarios.world import assert_the_laws_hold

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]

AGREED: dict[str, Any] = HOURLY | {"takeover_minutes": 1}
FILE = "/srv/tenantry/partitions/p0/data/count"


def lines_of(host: Host) -> list[tuple[int, float]]:
    said = host.run(f"cat {FILE}").splitlines()
    return [(int(number), float(at)) for number, at in (line.split() for line in said)]


def last_before_the_gap(found: list[tuple[int, float]]) -> float:
    """When the service last wrote before it was away for longest, on its newest stay."""
    gap = max(range(1, len(found)), key=lambda at: (found[at][1] - found[at - 1][1] > 1.5, at))
    return found[gap - 1][1]


def writers(machines: Fleet) -> list[str]:  # noqa: F811
    """The hosts on which the service runs just now."""
    return [
        host.name
        for host in machines.hosts
        if host.process is not None and host.run("pgrep -f source/serve.py", check=False)
    ]


def is_lost(node: ComputeNode) -> bool:
    node.refresh_from_db()
    return takeovers.is_lost(node)


def is_over(row: Relocation) -> bool:
    return state_of(row) == "done"


def state_of(row: Any) -> str:
    return str(type(row).objects.get(pk=row.pk).state)


def test_a_lost_node_is_given_up_once_another_cannot_reach_it_either(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
) -> None:
    instance = a_counter(policy=AGREED)
    turn_until(lambda: saved(instance))
    lost, host = instance.node, host_of(machines, instance.node)
    assert lost is not None
    number = services.snapshot_now(instance, at=now(), by="test", why="newer")
    turn_until(lambda: Snapshot.objects.filter(number=number).exists())
    host.power_cut()
    turn_until(lambda: is_lost(lost))
    # The agreed minute is over, and then it happens by itself.
    ComputeNode.objects.filter(pk=lost.pk).update(last_seen_at=now() - timedelta(minutes=2))
    turn_until(lambda: Takeover.objects.filter(state="done").exists())
    assert is_started(instance)
    assert instance.node_id != lost.pk
    row = Relocation.objects.get()
    found = lines_of(host_of(machines, instance.node))
    numbers = [one for one, _ in found]
    assert numbers == list(range(1, len(numbers) + 1))
    # What was saved is there, what came after the snapshot is what was lost.
    snapshot = Snapshot.objects.filter(number=number).order_by("pk")[0]
    gap = max(range(1, len(found)), key=lambda at: found[at][1] - found[at - 1][1])
    assert found[gap - 1][1] <= snapshot.ended_at.timestamp()
    assert row.snapshot == snapshot
    assert row.lost_seconds is not None
    held = ComputePartition.objects.get(node=lost, name="p0")
    assert held.held_for == instance.reference

    # The old one comes back: it starts nothing, is wiped, and only then is its partition free.
    host.power_on()
    seen: list[list[str]] = []
    ComputeNode.objects.filter(pk=lost.pk).update(next_attempt_at=now())

    def is_free() -> bool:
        seen.append(writers(machines))
        held.refresh_from_db()
        return held.held_for == ""

    turn_until(is_free)
    assert {tuple(one) for one in seen} == {(host_of(machines, instance.node).name,)}
    assert host.run("ls /srv/tenantry/partitions").split() == []
    assert_the_laws_hold()


def test_who_does_the_steps_may_be_killed_at_each_of_them(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance = a_counter()
    turn_until(lambda: saved(instance))
    row = relocations.ask_move(instance, at=now(), by="test")
    killed: list[str] = []
    taken = services.touch

    def killed_before_it_is_written(*pks: int | None) -> None:
        """Each step ends with telling the nodes: there the worker dies the first time."""
        state = Relocation.objects.get(pk=row.pk).state
        if state not in killed:
            killed.append(state)
            raise Killed
        taken(*pks)

    class Killed(BaseException):
        """As SIGKILL: nothing catches it."""

    monkeypatch.setattr(services, "touch", killed_before_it_is_written)
    source = instance.node
    seen = set()

    def is_done() -> bool:
        seen.add(len(writers(machines)))
        return state_of(row) == "done"

    until = now() + timedelta(seconds=150)
    while not is_done():
        assert now() < until, Relocation.objects.values()
        try:
            turn()
        except Killed:
            continue
    assert {"preparing", "starting"} <= set(killed)
    assert is_started(instance)
    assert instance.node != source
    assert seen <= {0, 1}
    found = [one for one, _ in lines_of(host_of(machines, instance.node))]
    assert found == list(range(1, len(found) + 1))
    assert_the_laws_hold()


def test_a_service_moves_and_loses_nothing_and_moves_back(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
) -> None:
    instance = a_counter()
    turn_until(lambda: saved(instance))
    home = instance.node
    for to in (None, home):
        before = counted(instance)
        row = relocations.ask_move(instance, at=now(), by="test", to=to)
        turn_until(partial(is_over, row))
        assert is_started(instance)
        found = lines_of(host_of(machines, instance.node))
        assert [one for one, _ in found] == list(range(1, len(found) + 1))
        assert len(found) > before
        # What was written between the first snapshot and the stop came along.
        row.refresh_from_db()
        assert row.away_at is not None
        # It writes ten times a second: its last line may be a little older than the stop.
        assert last_before_the_gap(found) >= row.away_at.timestamp() - 0.2
        assert (instance.node == home) == (to == home)
        turn_until(lambda: not ComputePartition.objects.exclude(held_for="").exists())
    assert writers(machines) == [host_of(machines, home).name]
    assert_the_laws_hold()


def test_a_drill_proves_a_snapshot_and_notices_a_broken_one(
    machines: Fleet,  # noqa: F811
    nodes: list[ComputeNode],  # noqa: F811
) -> None:
    instance = a_counter(policy=HOURLY | {"drill_days": 30})
    turn_until(lambda: Drill.objects.filter(state="passed").exists())
    drill = Drill.objects.get()
    assert drill.rto_seconds is not None
    assert drill.rpo_seconds is not None
    assert [one["ok"] for one in drill.promises] == [True]
    assert drill.node_id != instance.node_id
    turn_until(lambda: not ComputePartition.objects.exclude(held_for="").exists())
    assert is_started(instance)

    # Data that no service starts from are saved like all others: only the drill sees it.
    host_of(machines, instance.node).run("touch /srv/tenantry/partitions/p0/data/broken")
    number = services.snapshot_now(instance, at=now(), by="test", why="after the fault")
    turn_until(lambda: Snapshot.objects.filter(number=number).exists())
    Drill.objects.update(created_at=now() - timedelta(days=31))
    turn_until(lambda: Drill.objects.filter(state="failed").exists())
    assert Instance.objects.get(pk=instance.pk).state == "started"
    ticket = Ticket.objects.get(cause=f"drill:{instance.reference}")
    assert "could not be restored" in ticket.subject
    turn_until(lambda: not ComputePartition.objects.exclude(held_for="").exists())
    assert_the_laws_hold()
