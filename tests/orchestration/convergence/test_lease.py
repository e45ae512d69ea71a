"""One worker at a time drives a node; who died is succeeded, and cannot come back."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from erp.base import scope
from orchestration.convergence.lease import LENGTH, LeaseLost, claim, hold, release
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.orchestration.builders import NOON, a_node


@pytest.fixture
def node(transactional_db: None) -> ComputeNode:
    one = a_node()
    NodeLease.objects.create(organisation=one.organisation, node=one)
    return one


def test_while_one_holds_the_node_nobody_else_gets_it(node: ComputeNode) -> None:
    assert claim(node.pk, owner="a", at=NOON) == 1
    assert claim(node.pk, owner="b", at=NOON + LENGTH - timedelta(seconds=1)) is None
    release(node.pk, 1)
    assert claim(node.pk, owner="b", at=NOON) == 2


def test_of_many_at_once_one_wins(node: ComputeNode) -> None:
    start, won = Barrier(6), list[int]()

    def race() -> None:
        with scope.everything("a test"):
            start.wait(10)
            fence = claim(node.pk, owner="x", at=NOON)
            if fence is not None:
                won.append(fence)
        connection.close()

    together(race, 6)
    assert won == [1]


def together(work: Callable[[], None], count: int) -> None:
    threads = [Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


def test_a_dead_holder_is_succeeded_and_its_fence_is_too_old(node: ComputeNode) -> None:
    assert claim(node.pk, owner="dead", at=NOON) == 1
    assert claim(node.pk, owner="heir", at=NOON + LENGTH) == 2
    with transaction.atomic():
        hold(node.pk, 2)
        with pytest.raises(LeaseLost):
            hold(node.pk, 1)


def test_who_gave_the_node_back_holds_nothing(node: ComputeNode) -> None:
    claim(node.pk, owner="a", at=NOON)
    release(node.pk, 1)
    with pytest.raises(LeaseLost), transaction.atomic():
        hold(node.pk, 1)


def test_who_gave_the_node_back_in_order_goes_on_under_its_fence(node: ComputeNode) -> None:
    assert claim(node.pk, owner="a", at=NOON) == 1
    release(node.pk, 1, in_order=True)
    with pytest.raises(LeaseLost), transaction.atomic():
        hold(node.pk, 1)
    assert claim(node.pk, owner="a", at=NOON) == 1
    assert claim(node.pk, owner="a", at=NOON + LENGTH) == 2, "it may have died in between"
    release(node.pk, 2, in_order=True)
    assert claim(node.pk, owner="b", at=NOON) == 3


def test_after_a_failure_even_the_same_owner_gets_a_new_fence(node: ComputeNode) -> None:
    assert claim(node.pk, owner="a", at=NOON) == 1
    release(node.pk, 1)
    assert claim(node.pk, owner="a", at=NOON) == 2


def test_an_older_holder_does_not_give_back_what_is_not_its_own(node: ComputeNode) -> None:
    claim(node.pk, owner="dead", at=NOON)
    claim(node.pk, owner="heir", at=NOON + LENGTH)
    release(node.pk, 1)
    assert NodeLease.objects.get(node=node).owner == "heir"


def test_a_node_without_a_lease_row_is_nobodys(transactional_db: None) -> None:
    assert claim(a_node().pk, owner="a", at=NOON) is None
