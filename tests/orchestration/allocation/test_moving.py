"""A node is emptied: where its instances would go, and what goes at once."""

import pytest

from orchestration.allocation import moving, services
from orchestration.convergence import documents
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_customer, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.nodes import an_operator

pytestmark = pytest.mark.django_db


def test_the_preview_gives_no_partition_twice() -> None:
    old = a_node("old")
    first, second = an_instance_on(old), an_instance_on(old, partition="p1")
    new = a_node("new", partitions=1)
    moves = moving.moves_off(old)
    assert [(move.instance.pk, move.goes_to and move.goes_to.pk) for move in moves] == [
        (first.pk, new.pk),
        (second.pk, None),
    ]
    assert moves[1].reasons == ("new: it has no free partition",)
    assert Instance.objects.filter(partition__node=old).count() == 2


def test_what_the_node_never_had_goes_at_once_and_what_it_was_told_of_stays() -> None:
    old = a_node("old", partitions=3)
    told, started = an_instance_on(old), an_instance_on(old, partition="p1", state="started")
    documents.recompute(old.pk, at=NOON)
    fresh = an_instance_on(old, partition="p2")
    old.refresh_from_db()
    kinds = {move.instance.pk: move.is_at_once for move in moving.moves_off(old)}
    assert kinds == {told.pk: False, started.pk: False, fresh.pk: True}
    assert moving.drain(old, at=NOON, by="alice", why="old disks") == 1
    for one, state in ((told, "placed"), (started, "started"), (fresh, "waiting")):
        one.refresh_from_db()
        assert one.state == state
    assert (fresh.partition, fresh.node) == (None, None)
    new = a_node("new")
    assert services.place(fresh.pk, at=NOON)
    fresh.refresh_from_db()
    assert fresh.node_id == new.pk


def test_an_instance_that_the_node_is_told_of_meanwhile_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = a_node("old")
    instance = an_instance_on(old)
    documents.recompute(old.pk, at=NOON)
    assert not moving._give_back(instance.pk, old, at=NOON)
    instance.refresh_from_db()
    assert (instance.state, instance.node_id) == ("placed", old.pk)


def test_an_operator_sees_the_moves_and_confirms_with_a_reason() -> None:
    old, operator = a_node("old"), an_operator()
    an_instance_on(old)
    page = operator.get(f"/placement/drain/{old.reference}").content.decode()
    assert "Nowhere" in page
    assert "There is no compute node yet" in page
    a_node("new")
    assert ">new</a>" in operator.get(f"/placement/drain/{old.reference}").content.decode()
    assert operator.post(f"/placement/drain/{old.reference}", {"why": ""}).status_code == 422
    answer = operator.post(f"/placement/drain/{old.reference}", {"why": "old disks"}, follow=True)
    assert "old is draining; 1 went at once." in answer.content.decode()
    old = ComputeNode.objects.get(pk=old.pk)
    assert (old.state, old.state_reason) == ("draining", "old disks")
    page = operator.get(f"/placement/drain/{old.reference}").content.decode()
    assert "It is empty" in page
    assert a_customer().name not in page
