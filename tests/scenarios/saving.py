"""What scenarios of backups share: three hosts, a service that counts, and the passing of time."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from erp.base.doors import now
from erp.contracts.models import ContractLine
from orchestration.allocation import services as allocation
from orchestration.backup import tasks
from orchestration.backup.models import Snapshot
from orchestration.convergence import connections
from orchestration.convergence import services as convergence
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.services import publish
from tests.fleet.fleet import PATH, Fleet, Host, missing
from tests.orchestration.builders import a_customer, a_line, a_provider
from tests.scenarios.world import enrolled

COUNTER = Path(__file__).resolve().parents[1] / "fleet" / "releases" / "counter"
HOURLY = {"every_minutes": 60, "keep": {"hourly": 24}}


def three_hosts(wheels: Path | None = None) -> Iterator[Fleet]:
    why = missing()
    if not why and not shutil.which("restic", path=PATH):
        why = "there is no restic (Debian's package restic)"
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    with Fleet(3, wheels=wheels) as running:
        yield running


def nodes_of(machines: Fleet) -> Iterator[list[ComputeNode]]:
    """Three enrolled hosts; afterwards they are as they came from the factory."""
    yield [enrolled(host) for host in machines.hosts]
    for _, link, _ in list(connections._open.values()):
        link.close()
    connections._open.clear()
    for host in machines.hosts:
        if host.process is not None:
            host.power_cut()
        host.run_on_disk("rm -rf upper work own && mkdir upper work")
        host.power_on()


@pytest.fixture(scope="module")
def machines() -> Iterator[Fleet]:
    yield from three_hosts()


@pytest.fixture
def nodes(machines: Fleet) -> Iterator[list[ComputeNode]]:
    yield from nodes_of(machines)


def host_of(machines: Fleet, node: ComputeNode | None) -> Host:
    (host,) = [one for one in machines.hosts if node and one.address == node.host]
    return host


def a_counter(directory: Path = COUNTER, *, policy: dict[str, Any] | None = None) -> Instance:
    release = publish(directory, owner=a_provider(), at=now(), by="test")
    line = a_line(a_customer("Saver"), parameters={}, backup=policy or HOURLY)
    ContractLine.objects.filter(pk=line.pk).update(product=release.product)
    instances.follow_contract(line.contract, at=now())
    instance = Instance.objects.get(line=line)
    assert allocation.place(instance.pk, at=now())
    instance.refresh_from_db()
    return instance


def turn() -> None:
    """One turn of all that the timetable does: sweeps, and a pass over each node."""
    tasks.sweep_backups()
    tasks.sweep_relocations()
    tasks.sweep_drills()
    tasks.sweep_takeovers()
    for pk in ComputeNode.objects.order_by("pk").values_list("pk", flat=True):
        node = ComputeNode.objects.get(pk=pk)
        if node.next_attempt_at is None or node.failures == 0 or node.next_attempt_at <= now():
            convergence.converge(pk, clock=now, why="test")


def turn_until(look: Callable[[], object], *, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, "it did not happen in time"
        turn()


def is_started(instance: Instance) -> bool:
    instance.refresh_from_db()
    is_heard = instance.observed_generation == instance.generation
    return is_heard and instance.state == "started"


def saved(instance: Instance, more_than: int = 0) -> Snapshot | None:
    rows = Snapshot.objects.filter(instance=instance, state="good")
    return rows.order_by("-pk").first() if rows.count() > more_than else None


def counted(instance: Instance) -> int:
    """What the service itself says."""
    instance.refresh_from_db()
    url = instances.connection_of(instance)["url"]
    with urlopen(url, timeout=5) as answer:
        return int(answer.read())
