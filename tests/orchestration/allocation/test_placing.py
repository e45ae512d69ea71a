"""Placing on real rows."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from erp.base import scope
from erp.base.journal import history
from orchestration.allocation import services, tasks
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import State
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
