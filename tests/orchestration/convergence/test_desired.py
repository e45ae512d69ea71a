"""The revision names the content: the same content the same name, another content another."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestration.convergence import documents
from orchestration.convergence.desired import Release, Slot, build
from orchestration.instances.models import Instance
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode, ComputePartition
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on

SLOTS = [
    Slot("p1", "127.0.0.1", None, 21010, 10),
    Slot("p0", "127.0.0.1", "::1", 21000, 10, {"uid": "I-1", "parameters": {"b": 1, "a": 2}}),
]
RELEASES = [Release("r2", "two", "1"), Release("r1", "one", "1", {"types": {}})]


def revision(slots: list[Slot] = SLOTS, **changes: Any) -> str:
    facts: dict[str, Any] = {"node": "N-1", "releases": RELEASES, "metering_seconds": 10}
    return str(build(slots=slots, **(facts | changes))["revision"])


def test_the_order_of_what_is_given_does_not_count() -> None:
    assert revision(SLOTS[::-1], releases=RELEASES[::-1]) == revision()
    turned = replace(SLOTS[1], instance={"parameters": {"a": 2, "b": 1}, "uid": "I-1"})
    assert revision([SLOTS[0], turned]) == revision()


def test_every_change_is_another_revision() -> None:
    changed = [
        revision(),
        revision(node="N-2"),
        revision(metering_seconds=11),
        revision(releases=RELEASES[:1]),
        revision(SLOTS[:1]),
        revision([SLOTS[0], replace(SLOTS[1], port_first=1)]),
        revision([SLOTS[0], replace(SLOTS[1], address6=None)]),
        revision([SLOTS[0], replace(SLOTS[1], instance=None)]),
    ]
    assert len(set(changed)) == len(changed)


@pytest.mark.django_db
def test_a_node_is_told_anew_only_when_something_changed() -> None:
    node = a_node()
    instance = an_instance_on(node)
    assert documents.recompute(node.pk, at=NOON)
    later = NOON + timedelta(hours=1)
    assert not documents.recompute(node.pk, at=later)
    node.refresh_from_db()
    assert node.desired_since == NOON
    Instance.objects.filter(pk=instance.pk).update(generation=2, requested_state="stopped")
    assert documents.recompute(node.pk, at=later)
    told = stored(ComputeNode.objects.get(pk=node.pk))
    assert told is not None
    wanted = told["partitions"][0]["instance"]
    assert (wanted["generation"], wanted["requested_state"]) == (2, "stopped")
    assert set(wanted["secrets"]) == {"password"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rows", "change"),
    [
        (Instance, {"generation": 2}),
        (Instance, {"requested_state": "stopped"}),
        (Instance, {"partition": None, "state": "wiped"}),
        (ComputePartition, {"address": "127.0.0.2"}),
        (ComputePartition, {"port_count": 9}),
    ],
)
def test_a_node_is_stale_when_its_rows_say_something_else(
    rows: type[Instance] | type[ComputePartition], change: dict[str, Any]
) -> None:
    node, other = a_node(partitions=1), a_node("node-2", partitions=1)
    an_instance_on(node)
    both = [node.pk, other.pk]
    assert documents.stale(both, most=10) == both
    for pk in both:
        documents.recompute(pk, at=NOON)
    assert documents.stale(both, most=10) == []
    rows.objects.filter(**{"partition__node" if rows is Instance else "node": node}).update(
        **change
    )
    assert documents.stale(both, most=10) == [node.pk]
