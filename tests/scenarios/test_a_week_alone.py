"""A node alone for a simulated week keeps, repairs and measures, and tells all of it once."""

# mypy: disable-error-code="no-untyped-call"

import io
import json
import os
import signal
import socket
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
from django.db.models import Count, Max, Min, Sum

from erp.base.doors import now
from orchestration.convergence import services
from orchestration.convergence.ssh import NodeUnreachable
from orchestration.instances.services import connection_of
from orchestration.metering.models import Sample
from orchestration.node_agent.bundle import bundle, version
from orchestration.node_agent.cgroups import Cgroups
from orchestration.node_agent.clock import clock
from orchestration.node_agent.home import Home, write_json
from orchestration.node_agent.node import Node
from orchestration.node_agent.protocol import answer
from orchestration.nodes.models import ComputePartition, NodeLease
from tests.orchestration.builders import a_node
from tests.scenarios.world import a_service, assert_the_laws_hold

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = 7 * 86400
STEP = 10
GIB = 1024**3
# What the service uses each second, so that every sample is exact in nine decimals.
CPU, MEMORY, DISK = Decimal("0.25"), 36 * GIB, 72 * GIB
RATES = {
    "cpu_seconds": CPU,
    "memory_gib_hours": Decimal(36) / 3600,
    "disk_gib_hours": Decimal(72) / 3600,
}


class CountedGroups(Cgroups):
    """Control groups whose counters follow the simulated time."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Without root there are none to join; what is counted is ours in any case.
        self.kind = "v1" if self.kind == "none" else self.kind

    def cpu_seconds(self, partition: str) -> float:
        return float(CPU) * float(clock.monotonic())

    def pids(self, partition: str) -> list[int]:
        return list(super().pids(partition)) if self.groups else []

    def memory_bytes(self, partition: str) -> int:
        return MEMORY


class World:
    """The simulated time, the agent on its machine, and the line to it."""

    def __init__(self, home: Home) -> None:
        self.home, self.passed = home, 0.0
        self.began = now().timestamp() - WEEK - 86400
        self.asked, self.loses_every = 0, 0
        self.node = Node(home, version())

    def wall(self) -> float:
        return self.began + self.passed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)

    def pass_time(self, seconds: int, *, visits: bool = True) -> None:
        """Let the agent do what it does, every ten seconds; look at what runs every half hour."""
        for step in range(0, seconds, STEP):
            self.passed += STEP
            if visits and step % 1800 == 0:
                self.node.converge()
            self.node.measure()

    def until(self, look: Callable[[], bool], *, step: int = STEP) -> None:
        """Let simulated and real time pass: real processes need some."""
        end = time.monotonic() + 60
        while not look():
            assert time.monotonic() < end, str(self.node.report()["partitions"])[:1500]
            self.passed += step
            self.node.converge()
            self.node.measure()
            time.sleep(0.05)

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer as the agent does; every so many answers are lost on their way."""
        self.asked += 1
        said: Mapping[str, Any] = json.loads(answer(self.node, json.dumps(message).encode()))
        if self.loses_every and self.asked % self.loses_every == 0:
            raise NodeUnreachable("the line broke")
        return said


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("orchestration.node_agent.node.Cgroups", CountedGroups)
    monkeypatch.setattr("orchestration.node_agent.metering.disk_bytes", lambda path: DISK)
    # A week of disk writes is not what is tried here.
    monkeypatch.setattr("os.fsync", lambda handle: None)
    home = Home(tmp_path / "home")
    home.make()
    home.agent.write_bytes(bundle())
    home.supervisor.mkdir()
    with zipfile.ZipFile(io.BytesIO(bundle())) as archive:
        for name in archive.namelist():
            if name.startswith("supervisor/"):
                archive.extract(name, home.supervisor)
    one = World(home)
    monkeypatch.setattr(clock, "wall", one.wall)
    monkeypatch.setattr(clock, "monotonic", lambda: one.passed)
    one.node = Node(home, version())
    said = "orchestration.convergence.conversation.time"
    monkeypatch.setattr(said, SimpleNamespace(time=one.wall, monotonic=time.monotonic))
    monkeypatch.setattr("orchestration.convergence.connections.session_of", lambda node: one)
    monkeypatch.setattr("orchestration.convergence.services.BUDGET", 0.0)
    yield one
    one.node.processes.halt()


def test_a_week_without_the_master_loses_nothing_and_tells_nothing_twice(world: World) -> None:
    node = a_node(partitions=1, is_privileged=False, shares_customers=True)
    NodeLease.objects.create(organisation=node.organisation, node=node)
    ComputePartition.objects.update(port_first=free_port())
    write_json(
        world.home.state / "identity.json",
        {"node": node.reference, "partitions": [{"name": "p0", "user": ""}]},
    )
    instance = a_service("Alone")

    def visit() -> bool:
        services.converge(node.pk, clock=world.now, why="test")
        instance.refresh_from_db()
        return instance.state == "started"

    world.until(visit)
    address = connection_of(instance)["url"]
    known, alone = Sample.objects.count(), world.now()

    world.pass_time(2 * 86400)
    served = one_process(world)
    os.kill(served, signal.SIGKILL)
    world.until(lambda: one_process(world) not in {0, served})
    page = world.home.partitions / "p0" / "site" / "index.html"
    whole = page.read_text()
    page.write_text("defaced")
    world.until(lambda: page.read_text() == whole)
    assert "drift" in {one["kind"] for one in world.node.events}
    # The agent dies between two samples and begins again from its disk at once: what is used while
    # there is no agent is counted by nobody.
    world.until(lambda: world.node.meters.sums == {})
    world.node = Node(world.home, version())
    world.until(lambda: bool(world.node.applied), step=0)
    world.pass_time(WEEK - 2 * 86400 + 1800)

    assert len(world.node.spool.waiting) < 25000, "longer samples, the more of them wait"
    assert world.node.spool.file.stat().st_size < 10 * 2**20
    assert "<h1>Alone</h1>" in read(address)

    world.loses_every = 3
    for _ in range(60):
        visit()
        if not world.node.spool.waiting:
            break
    assert world.node.spool.waiting == []
    assert Sample.objects.count() > known + 10000
    assert_all_is_there_once(world, since=alone)
    assert_the_laws_hold()


def assert_all_is_there_once(world: World, *, since: datetime) -> None:
    rows = (
        Sample.objects.filter(starts_at__gte=since)
        .values("meter")
        .annotate(
            count=Count("pk"), used=Sum("quantity"), first=Min("starts_at"), last=Max("ends_at")
        )
    )
    found = {row["meter"]: row for row in rows}
    assert set(found) >= set(RATES)
    for meter, rate in RATES.items():
        row = found[meter]
        span = row["last"] - row["first"]
        assert span > timedelta(seconds=WEEK)
        assert row["used"] == rate * Decimal(span.total_seconds())
    sequences = Sample.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, world.node.spool.sequence + 1))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def one_process(world: World) -> int:
    """Return the process that serves, 0 for none; two are a mistake."""
    running = [
        pid for name, (state, _, pid) in (world.node.processes.states() or {}).items() if pid
    ]
    assert len(running) <= 1
    return running[0] if running else 0


def read(address: str) -> str:
    with urlopen(address, timeout=5) as answered:
        return str(answered.read().decode())
