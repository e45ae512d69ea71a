"""Services are reached over IPv6 too, and on machines that have nothing else."""

from urllib.request import urlopen

import pytest

from erp.base.doors import now
from orchestration.convergence import enrolment
from orchestration.instances.services import connection_of
from orchestration.nodes.models import ComputeNode
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Host
from tests.scenarios.test_fleet_nodes import host, page  # noqa: F401  (a fixture)
from tests.scenarios.world import a_service, assert_the_laws_hold, converged, registered

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


def prepared(machine: Host, **changes: object) -> ComputeNode:
    node = registered(machine, **changes)
    assert enrolment.enrol(node.pk, clock=now)
    node.refresh_from_db()
    assert node.state == "ready", [(s.name, s.message) for s in node.steps.all()]
    return node


def test_a_service_answers_over_both(host: Host) -> None:  # noqa: F811
    node = prepared(host, service_address6=host.address6)
    instance = a_service("Both")
    converged(node)
    assert "<h1>Both</h1>" in page(instance)
    assert connection_of(instance)["url"] == f"http://{host.address}:21000/"
    with urlopen(f"http://[{host.address6}]:21000/", timeout=5) as answer:
        assert "<h1>Both</h1>" in answer.read().decode()
    assert node.partitions.get(name="p0").places == [
        f"{host.address}:21000",
        f"[{host.address6}]:21000",
    ]


def test_a_machine_without_ipv4_is_enrolled_and_its_service_answers(host: Host) -> None:  # noqa: F811
    host.run(f"ip addr del {host.address}/24 dev eth0")
    node = prepared(host, host=host.address6)
    instance = a_service("Six")
    converged(node)
    assert "<h1>Six</h1>" in page(instance)
    assert connection_of(instance)["url"] == f"http://[{host.address6}]:21000/"
    assert_the_laws_hold()
