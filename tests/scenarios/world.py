"""What scenarios on real hosts share: a clean database, a machine to enrol, a service on it."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from config.audit import violations
from erp.base.doors import now
from erp.contracts.models import ContractLine
from orchestration.allocation import services as allocation
from orchestration.convergence import enrolment
from orchestration.convergence import services as convergence
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.callers import new_command
from orchestration.nodes.models import ComputeNode, NodeLease
from orchestration.nodes.services import Machine, register, register_caller
from orchestration.releases.services import CATALOGUE, publish
from tests.fleet.fleet import Host
from tests.orchestration.builders import a_customer, a_line, a_provider

T = TypeVar("T")


def machine_of(host: Host, /, **changes: object) -> Machine:
    facts: dict[str, object] = {
        "name": host.name,
        "host": host.address,
        "password": host.password,
        "host_key": host.host_key_line,
        "partition_count": 3,
    }
    return Machine(**(facts | changes))  # type: ignore[arg-type]


def registered(host: Host, /, **changes: object) -> ComputeNode:
    return register(a_provider(), machine_of(host, **changes), at=now(), by="test")


def enrolled(host: Host) -> ComputeNode:
    node = registered(host)
    assert enrolment.enrol(node.pk, clock=now)
    node.refresh_from_db()
    assert node.state == "ready", [(s.name, s.state, s.message) for s in node.steps.all()]
    return node


def a_service(
    title: str = "Hello",
    directory: Path = CATALOGUE / "static-site",
    *,
    limits: Mapping[str, int] | None = None,
) -> Instance:
    release = publish(directory, owner=a_provider(), at=now(), by="test")
    line = a_line(a_customer(title), parameters={"title": title})
    ContractLine.objects.filter(pk=line.pk).update(product=release.product, limits=limits or {})
    instances.follow_contract(line.contract, at=now())
    instance = Instance.objects.get(line=line)
    assert allocation.place(instance.pk, at=now())
    instance.refresh_from_db()
    return instance


def called_in(host: Host, /, **changes: object) -> ComputeNode:
    """A node that joined by its one-line command and calls the door that stands open."""
    facts = {"host": "", "password": "", "host_key": "", "service_address": host.address}
    machine = machine_of(host, **(facts | changes))
    node = register_caller(a_provider(), machine, at=now(), by="test")
    host.run(new_command(node, at=now(), by="test"))
    wait_for(lambda: refreshed(node).state == "ready")
    return node


def refreshed(node: ComputeNode) -> ComputeNode:
    node.refresh_from_db()
    return node


def wait_for(look: Callable[[], bool], *, seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)


def converged(node: ComputeNode, *, clock: Callable[[], datetime] = now) -> ComputeNode:
    """Return the node after a pass: made here over SSH, by the door where the node calls."""
    if node.carrier == "https":
        return converged_by_the_door(node, clock=clock)
    assert convergence.converge(node.pk, clock=clock, why="test")
    return refreshed(node)


def converged_by_the_door(node: ComputeNode, *, clock: Callable[[], datetime]) -> ComputeNode:
    free = NodeLease.objects.filter(node=node, until=None)
    wait_for(free.exists)
    before = refreshed(node).last_seen_at, node.failures
    assert convergence.converge(node.pk, clock=clock, why="test")
    wait_for(lambda: (refreshed(node).last_seen_at, node.failures) != before and free.exists())
    return refreshed(node)


def assert_the_laws_hold() -> None:
    assert {law: found for law, found in violations().items() if found} == {}
