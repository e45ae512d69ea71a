"""On a real host: a node is held for work and let go, and its key changes whoever is killed."""

from datetime import timedelta
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from erp.base.doors import now
from orchestration.convergence import connections, rotation
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of
from orchestration.maintenance import services as maintenance
from orchestration.maintenance.models import NodeWork
from orchestration.maintenance.states import How, Work
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import private_key_of
from orchestration.windows.models import Occurrence
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Host
from tests.orchestration.windows.planned import a_told_time
from tests.scenarios.test_fleet_nodes import host  # noqa: F401  (a fixture)
from tests.scenarios.world import a_service, converged, enrolled, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


class Killed(BaseException):
    """The worker is gone."""


def state_of(instance: Instance) -> str:
    instance.refresh_from_db()
    return str(instance.state)


def follow(work: NodeWork) -> NodeWork:
    """Visit the node, and take the step that is due."""
    converged(work.node)
    maintenance.advance(work.pk, at=now())
    return NodeWork.objects.select_related("node").get(pk=work.pk)


def test_a_node_is_stopped_for_work_and_everything_starts_again_with_its_data(
    host: Host,  # noqa: F811
) -> None:
    node = enrolled(host)
    instance = a_service("Bonjour")
    wait_for(lambda: bool(converged(node)) and state_of(instance) == "started")
    url = connection_of(instance)["url"]
    occurrence = a_told_time(node, now() - timedelta(minutes=5), minutes=60)
    work = maintenance.plan(node, occurrence, how=How.STOP, what="Disk", at=now(), by="ops")

    wait_for(lambda: follow(work).state == Work.WORKING)
    assert state_of(instance) == "stopped"
    with pytest.raises(URLError):
        urlopen(url, timeout=5)

    host.power_cut()
    host.power_on()
    maintenance.finish(NodeWork.objects.get(pk=work.pk), at=now(), by="ops")
    wait_for(lambda: follow(work).state == Work.DONE, seconds=90)
    with urlopen(url, timeout=5) as answer:
        assert b"Bonjour" in answer.read()
    node.refresh_from_db()
    instance.refresh_from_db()
    assert (node.state, node.is_held, instance.generation) == ("ready", False, 1)
    assert Occurrence.objects.get().excuses


@pytest.mark.parametrize("step", ["_let_in", "_try", "_take", "the end"])
def test_a_worker_killed_at_any_step_of_a_new_key_leaves_a_node_that_is_reached(
    host: Host,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    node = enrolled(host)
    node = converged(node)
    former = private_key_of(node)
    for _ in range(2):
        rotation.begin(node, at=now(), by="ops")
    node.refresh_from_db()
    wanted = node.next_public_key
    name = "_let_in" if step == "the end" else step
    real, calls = getattr(rotation, name), []

    def then_killed(*args: object, **kwargs: object) -> None:
        calls.append(1)
        real(*args, **kwargs)
        if step != "the end" or len(calls) == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(rotation, name, then_killed)
        with pytest.raises(Killed):
            converged(node)
    connections.drop(node)

    node = converged(ComputeNode.objects.get(pk=node.pk))

    assert (node.public_key, node.next_public_key, node.next_key_sealed) == (wanted, "", "")
    assert private_key_of(node) != former
    assert node.failures == 0
    connections.drop(node)
    assert converged(node).failures == 0
    lines = host.run("cat /root/.ssh/authorized_keys").splitlines()
    assert [
        line.split('" ')[1].split(" tenantry-node")[0] for line in lines if "tenantry" in line
    ] == [wanted]
