"""Placing on real rows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from erp.base import scope
from erp.base.journal import history
from orchestration.allocation import services, tasks
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import State
from orchestration.nodes.models import ComputeNode, NodeRoom
from tests.orchestration.builders import NOON, a_customer, a_line, a_node

pytestmark = pytest.mark.django_db


def a_waiting_instance() -> Instance:
    line = a_line(a_customer())
    instances.follow_contract(line.contract, at=NOON)
    return Instance.objects.get(line=line)


def test_a_placed_instance_holds_its_partition() -> None:
    node = a_node()
    instance = a_waiting_instance()
    assert services.place(instance.pk, at=NOON)
    instance.refresh_from_db()
    assert (instance.state, instance.node_id) == (State.PLACED, node.pk)
    assert instance.state_reason == "node-1/p0"
    assert not services.place(instance.pk, at=NOON)


def test_what_fits_nowhere_waits_with_the_reasons_and_is_placed_when_it_fits() -> None:
    a_node(partitions=0)
    instance = a_waiting_instance()
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert instance.placement_reasons == ["node-1: it has no free partition"]
    a_node("node-2", partitions=1)
    tasks.sweep_waiting()
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert (instance.state, instance.placement_reasons) == (State.PLACED, [])


def test_many_that_fit_nowhere_keep_nobody_from_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    a_node(partitions=2)
    hopeless, hopeful = a_waiting_instance(), a_waiting_instance()
    Instance.objects.filter(pk=hopeless.pk).update(sla={"region": "nowhere"})
    monkeypatch.setattr(tasks, "BATCH", 1)
    for _ in range(2):
        tasks.sweep_waiting()
    states = dict(Instance.objects.values_list("pk", "state"))
    assert states == {hopeless.pk: State.WAITING, hopeful.pk: State.PLACED}


@pytest.mark.django_db(transaction=True)
def test_two_instances_race_for_the_last_partition_and_one_waits() -> None:
    a_node(partitions=1)
    pks = [a_waiting_instance().pk, a_waiting_instance().pk]

    def place(pk: int) -> bool:
        with scope.everything("a test"):
            try:
                return services.place(pk, at=NOON)
            finally:
                connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(place, pks)) == [False, True]
    states = Instance.objects.order_by("state").values_list("state", flat=True)
    assert list(states) == [State.PLACED, State.WAITING]


def test_the_task_of_one_instance_does_the_same_twice() -> None:
    a_node()
    instance = a_waiting_instance()
    tasks.place_instance(instance=instance.pk)
    tasks.place_instance(instance=instance.pk)
    instance.refresh_from_db()
    assert instance.state == State.PLACED
    assert [line.event for line in history(instance)] == ["requested", "placed"]


def test_a_node_that_tells_nonsense_of_itself_stops_no_placement() -> None:
    a_node("odd", facts={"memory_bytes": "plenty"})
    assert services.place(a_waiting_instance().pk, at=NOON)


@pytest.mark.django_db(transaction=True)
def test_many_allocators_at_once_never_put_two_on_one_partition() -> None:
    a_node("one", partitions=2)
    a_node("two", partitions=2)
    pks = [a_waiting_instance().pk for _ in range(6)]

    def place(pk: int) -> bool:
        with scope.everything("a test"):
            try:
                return services.place(pk, at=NOON)
            finally:
                connection.close()

    with ThreadPoolExecutor(6) as pool:
        placed = sum(pool.map(place, pks * 2))
    taken = list(Instance.objects.exclude(partition=None).values_list("partition", flat=True))
    assert placed == len(taken) == len(set(taken))
    # Who found all partitions locked just then is placed by the next sweep.
    tasks.sweep_waiting()
    assert Instance.objects.exclude(partition=None).count() == 4
    assert list(NodeRoom.objects.values_list("free_partitions", flat=True)) == [0, 0]


def test_wishes_that_cannot_be_understood_are_said_on_the_request() -> None:
    a_node()
    instance = a_waiting_instance()
    Instance.objects.filter(pk=instance.pk).update(sla={"colour": "red"})
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert instance.placement_reasons[0].startswith("Unknown SLA filter 'colour'; there are:")
    Instance.objects.filter(pk=instance.pk).update(sla={})
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert (instance.state, instance.placement_reasons) == (State.PLACED, [])


@pytest.mark.parametrize(
    ("sla", "mend"),
    [
        ({"region": "paris"}, {"region": "paris"}),
        ({"countries": ["FR"]}, {"country": "FR"}),
        ({"network": "blue"}, {"network": "blue"}),
        ({"labels": ["ssd"]}, {"labels": ["ssd"]}),
        ({"unique_by_network": True}, {"network": "red"}),
        ({"node": "node-2"}, {"name": "node-2"}),
    ],
)
def test_a_request_is_placed_as_soon_as_a_node_is_as_wished(
    sla: dict[str, Any], mend: dict[str, Any]
) -> None:
    node = a_node()
    instance = a_waiting_instance()
    Instance.objects.filter(pk=instance.pk).update(sla=sla)
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert instance.state == State.WAITING
    (reason,) = instance.placement_reasons
    assert reason.startswith("node-1: the ")
    ComputeNode.objects.filter(pk=node.pk).update(**mend)
    tasks.sweep_waiting()
    instance.refresh_from_db()
    assert (instance.state, instance.placement_reasons) == (State.PLACED, [])
