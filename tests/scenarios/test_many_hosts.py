"""Sixteen real machines at once: each runs what was asked, and nothing else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection

from erp.base import scope
from erp.base.doors import now
from orchestration.convergence import connections, enrolment, services
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.fleet.fleet import Fleet, missing
from tests.scenarios.test_fleet_nodes import page
from tests.scenarios.world import a_service, registered

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]
HOSTS = 16
AT_ONCE = 8
ROUNDS = 5


@pytest.fixture
def many() -> Iterator[Fleet]:
    why = missing()
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    with Fleet(HOSTS) as running:
        yield running
        for _, link, _ in list(connections._open.values()):
            link.close()
        connections._open.clear()


def at_once(do: Callable[[int], bool], nodes: list[ComputeNode]) -> list[bool]:
    """Do it for all nodes, some at a time, as that many workers would."""

    def as_worker(node: ComputeNode) -> bool:
        try:
            with scope.everything("a worker of this test"):
                return do(node.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(as_worker, nodes))


def test_sixteen_machines_converge_at_once(many: Fleet) -> None:
    nodes = [registered(host, partition_count=1, shares_customers=False) for host in many.hosts]
    assert all(at_once(lambda pk: enrolment.enrol(pk, clock=now), nodes))
    assert {node.state for node in ComputeNode.objects.all()} == {"ready"}
    wanted = {a_service(f"Service {number}").pk for number in range(HOSTS)}

    for _ in range(ROUNDS):
        at_once(lambda pk: bool(services.converge(pk, clock=now, why="test")), nodes)
        if set(Instance.objects.filter(state="started").values_list("pk", flat=True)) == wanted:
            break
    placed = {one.node.host: one for one in Instance.objects.select_related("node") if one.node}
    assert sorted(placed) == sorted(host.address for host in many.hosts)
    for host in many.hosts:
        instance = placed[host.address]
        assert f"<h1>{instance.parameters['title']}</h1>" in page(instance)
        assert len(host.run("pgrep -f source/serve.py").split()) == 1
        assert host.run("ls /srv/tenantry/partitions").split() == ["p0"]
    call_command("audit")
