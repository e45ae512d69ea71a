"""The database's shortlist and the pure choice agree, and many nodes cost no more than few."""

from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from erp.customers.models import Organisation
from orchestration.allocation import queries, services
from orchestration.allocation.choose import Wish, choose
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode, ComputePartition, NodeRoom
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider
from tests.orchestration.convergence.placed import an_instance_on

pytestmark = pytest.mark.django_db
GIB = 2**30


def a_fleet(dice: Random, customer: Organisation, stranger: Organisation) -> None:
    """Nodes of all kinds, some of them with instances of two customers."""
    for number in range(30):
        closed_for = dice.choice(["", "", "", "hand", "capacity"])
        node = a_node(
            f"node-{number}",
            partitions=dice.choice([0, 1, 2]),
            region=dice.choice(["paris", "lille"]),
            country=dice.choice(["", "FR", "DE"]),
            network=dice.choice(["", "red", "blue"]),
            labels=dice.sample(["ssd", "gpu"], dice.randint(0, 2)),
            dedicated_to=dice.choice([None, None, customer, stranger]),
            state="closed" if closed_for else dice.choice(["ready", "ready", "draining"]),
            closed_for=closed_for,
            is_privileged=dice.choice([True, True, False]),
            facts=dice.choice(
                [{}, {"memory_bytes": GIB, "disk_bytes": GIB, "disk_free_bytes": GIB // 2}]
            ),
        )
        if node.partitions.count() == 2 and dice.random() < 0.6:
            owner = dice.choice([customer, stranger])
            line = a_line(owner, limits={"memory_bytes": GIB // 2})
            instances.follow_contract(line.contract, at=NOON)
            Instance.objects.filter(line=line).update(
                state="placed", partition=node.partitions.get(name="p0"), node=node
            )


def wishes(customer: Organisation) -> list[Wish]:
    mine = Instance.objects.filter(organisation=customer).order_by("pk")
    one, other = mine[0], mine[1]
    slas: list[dict[str, Any]] = [
        {},
        {"region": "lille"},
        {"regions": ["paris"], "countries": ["FR", "DE"]},
        {"network": "red"},
        {"labels": ["ssd", "gpu"]},
        {"dedicated": True},
        {"with": [one.reference]},
        {"not_with": [one.line.contract.reference, other.reference]},
        {"unique_by_network": True},
        {"node": "node-3"},
    ]
    return [
        Wish(customer.pk, customer.path, "static-site", memory, disk, sla)
        for sla in slas
        for memory, disk in ((0, 0), (GIB // 2 + 1, 0), (0, GIB // 4), (GIB, GIB))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_shortlist_leaves_out_exactly_what_does_not_fit(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "FEW", 100)
    customer, stranger = a_customer("Ours"), a_customer("Theirs")
    a_fleet(Random(seed), customer, stranger)
    some = 0
    for wish in wishes(customer):
        fitting = [one.pk for one in choose(wish, queries.candidates(wish)).fits]
        assert [one.pk for one in choose(wish, queries.shortlist(wish)).fits] == fitting, wish
        assert {one.pk for one in queries.shortlist(wish)} == set(fitting), wish
        some += len(fitting)
        with monkeypatch.context() as patch:
            patch.setattr(queries, "EMPTIEST", 5)
            first = [one.pk for one in queries.shortlist(wish)]
        assert first == fitting[: len(first)], wish
        assert bool(first) == bool(fitting), wish
    assert some > 20


def test_the_room_of_a_node_is_counted_by_the_database() -> None:
    node = a_node(partitions=3)

    def room() -> tuple[int, int]:
        found = NodeRoom.objects.get(node=node)
        return found.free_partitions, found.reserved_memory_bytes

    assert room() == (3, 0)
    instance = an_instance_on(node)
    assert room() == (2, 0)
    Instance.objects.filter(pk=instance.pk).update(limits={"memory_bytes": GIB})
    assert room() == (2, GIB)
    Instance.objects.filter(pk=instance.pk).update(limits={"memory_bytes": "much"})
    assert room() == (2, 0)
    other = a_node("other", partitions=1)
    Instance.objects.filter(pk=instance.pk).update(
        limits={"memory_bytes": GIB}, partition=other.partitions.get()
    )
    assert room() == (3, 0)
    assert NodeRoom.objects.get(node=other).free_partitions == 0
    Instance.objects.filter(pk=instance.pk).update(state="wiped", partition=None)
    assert NodeRoom.objects.get(node=other).reserved_memory_bytes == 0
    ComputePartition.objects.filter(node=node, name="p2").delete()
    assert room() == (2, 0)


def many_nodes(count: int) -> None:
    """Nodes with one partition each, in two regions."""
    provider = a_provider()
    facts: dict[str, Any] = {
        "organisation": provider, "service_address": "127.0.0.1", "state": "ready",
        "is_privileged": True, "state_since": NOON, "created_at": NOON,
        "facts": {"memory_bytes": 8 * GIB},
    }  # fmt: skip
    nodes = ComputeNode.objects.bulk_create(
        ComputeNode(name=f"n{n}", host=f"n{n}", region="ab"[n % 2], **facts) for n in range(count)
    )
    ComputePartition.objects.bulk_create(
        ComputePartition(
            organisation=provider, node=node, name="p0", user="u", address="127.0.0.1",
            port_first=21000, port_count=10,
        )
        for node in nodes
    )  # fmt: skip


def test_a_thousand_nodes_cost_no_more_statements_than_a_few() -> None:
    """How long it takes is shown by `tests.bench simulated`."""
    many_nodes(1_000)
    line = a_line(limits={"memory_bytes": GIB}, sla={"region": "b"})
    instances.follow_contract(line.contract, at=NOON)
    waiting = Instance.objects.get(line=line)
    wish = services.wish_of(waiting)
    assert len(choose(wish, queries.shortlist(wish)).fits) == queries.FEW
    with CaptureQueriesContext(connection) as asked:
        assert services.place(waiting.pk, at=NOON)
    assert len(asked) <= 12, [one["sql"] for one in asked]
