"""Two real hosts: what must not share a node does not, and a drained node takes no more."""

from collections.abc import Iterator

import pytest

from erp.base.doors import now
from erp.contracts.models import ContractLine
from orchestration.allocation import moving
from orchestration.allocation import services as allocation
from orchestration.convergence import connections
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.tasks import sweep_standing
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Fleet
from tests.orchestration.builders import a_line
from tests.scenarios.world import a_service, assert_the_laws_hold, converged, enrolled

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def two_nodes(fleet: Fleet) -> Iterator[list[ComputeNode]]:  # noqa: F811
    """Both hosts, enrolled; afterwards they are as they came from the factory."""
    yield [enrolled(host) for host in fleet.hosts]
    for _, link, _ in list(connections._open.values()):
        link.close()
    connections._open.clear()
    for host in fleet.hosts:
        host.power_cut()
        host.run_on_disk("rm -rf upper work own && mkdir upper work")
        host.power_on()


def another(first: Instance, **sla: object) -> Instance:
    """A second service of the same customer, as it is requested."""
    line = a_line(first.organisation, sla=sla, parameters={"title": "Replica"})
    ContractLine.objects.filter(pk=line.pk).update(product=first.release.product)
    instances.follow_contract(line.contract, at=now())
    return Instance.objects.get(line=line)


def state_of(instance: Instance) -> tuple[str, ComputeNode | None]:
    instance.refresh_from_db()
    return instance.state, instance.node


def test_replicas_stand_on_two_hosts_and_a_third_waits_with_its_reasons(
    two_nodes: list[ComputeNode],
) -> None:
    first = a_service("Original")
    here = first.node
    assert here is not None
    there = next(node for node in two_nodes if node != here)

    second = another(first, not_with=[first.line.contract.reference])
    assert allocation.place(second.pk, at=now())
    assert state_of(second) == ("placed", there)
    beside = another(first, **{"with": [first.reference]})
    assert allocation.place(beside.pk, at=now())
    assert state_of(beside) == ("placed", here)

    third = another(first, not_with=[first.reference, second.reference])
    assert not allocation.place(third.pk, at=now())
    third.refresh_from_db()
    assert sorted(third.placement_reasons) == sorted(
        [
            f"{here.name}: the SLA keeps it away from {first.reference}",
            f"{there.name}: the SLA keeps it away from {second.reference}",
        ]
    )

    for node in two_nodes:
        found = converged(node)
        assert found.clock_offset_ms is not None
        assert abs(found.clock_offset_ms) < 2000
        assert {"memory_available_bytes", "load_per_cent"} <= set(found.facts)
    assert state_of(first) == ("started", here)
    assert state_of(second) == ("started", there)
    sweep_standing()
    assert_the_laws_hold()


def test_a_drained_host_keeps_what_runs_and_gives_back_what_it_never_had(
    two_nodes: list[ComputeNode],
) -> None:
    first = a_service("Original")
    here = first.node
    assert here is not None
    converged(here)
    fresh = another(first, **{"with": [first.reference]})
    assert allocation.place(fresh.pk, at=now())
    Instance.objects.filter(pk=fresh.pk).update(sla={})
    here.refresh_from_db()

    kinds = {move.instance.pk: move.is_at_once for move in moving.moves_off(here)}
    assert kinds == {first.pk: False, fresh.pk: True}
    assert moving.drain(here, at=now(), by="test", why="new disks") == 1
    assert allocation.place(fresh.pk, at=now())
    there = next(node for node in two_nodes if node != here)
    assert state_of(fresh) == ("placed", there)
    converged(here)
    converged(there)
    assert state_of(first) == ("started", here)
    assert state_of(fresh) == ("started", there)
    assert_the_laws_hold()
