"""Orders: once per key, inside the schema, inside the credit limit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from erp.base import scope
from erp.base.journal import JournalLine
from erp.base.lifecycle import IllegalMove
from erp.catalogue.models import Offer, PriceKind
from erp.catalogue.queries import NoPrices
from erp.catalogue.services import set_price
from erp.contracts import services as contracts
from erp.contracts.models import Contract, LinePrice
from erp.customers.models import Organisation
from erp.orders import services
from erp.orders.models import Order
from erp.orders.parameters import BadParameters
from erp.orders.states import State
from tests.billing.builders import FakeUsage
from tests.erp.builders import NOON, Tree, a_plan, a_price_list, a_tree, a_wish

HOUR = timedelta(hours=1)


def limit(buyer: Organisation, minor: int) -> None:
    """Set the limit behind the back of whoever holds the row already."""
    Organisation.objects.filter(pk=buyer.pk).update(credit_limit_minor=minor)


def test_the_same_key_is_the_same_order(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)

    first = contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)
    again = contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    assert first == again
    assert (Order.objects.count(), Contract.objects.count()) == (1, 1)
    assert (first.seller, first.monthly_minor, first.state) == (tree.reseller, 1000, "accepted")
    assert JournalLine.objects.filter(event="placed").count() == 1


def test_asking_again_for_what_was_decided_costs_one_statement(
    tree: Tree, django_assert_num_queries: Any
) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    first = contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    with django_assert_num_queries(1):
        assert contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON) == first


@pytest.mark.django_db(transaction=True)
def test_while_an_order_is_placed_nodes_go_on_storing_what_refers_to_the_buyer() -> None:
    tree = a_tree()
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)

    def refer() -> int:
        """Take the lock that every row with a foreign key to the buyer takes."""
        with scope.everything("a test"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(
                "SELECT id FROM erp_organisation WHERE id = %s FOR KEY SHARE", [tree.customer.pk]
            )
            found = int(cursor.fetchone()[0])
        connection.close()
        return found

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        services.place(tree.customer, a_wish(plan), by="alice", at=NOON)
        assert pool.submit(refer).result(30) == tree.customer.pk


@pytest.mark.parametrize("other", [{"name": "Other"}, {"parameters": {"title": "Bye"}}])
def test_a_key_with_other_content_is_refused(tree: Tree, other: dict[str, Any]) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    with pytest.raises(services.KeyReused):
        contracts.order(tree.customer, a_wish(plan, **other), by="alice", at=NOON)

    assert Order.objects.count() == 1


def test_parameters_outside_the_schema_are_refused_by_name(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    wrong = {"title": "much longer than twenty signs", "workers": "two", "extra": 1}

    with pytest.raises(BadParameters) as refusal:
        contracts.order(tree.customer, a_wish(plan, parameters=wrong), by="alice", at=NOON)

    assert set(refusal.value.facts["errors"]) == {"title", "workers", "parameters"}
    assert "workers: 'two' is not of type 'integer'" in str(refusal.value)
    assert not Order.objects.exists()


def test_what_is_not_sold_or_not_priced_cannot_be_ordered(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    with pytest.raises(NoPrices, match="Reseller has no price list in EUR"):
        contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    a_price_list(tree.reseller)
    with pytest.raises(NoPrices, match="Prices 2026 has no price for Site Small"):
        contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    Offer.objects.update(is_open=False)
    plan.offer.refresh_from_db()
    with pytest.raises(services.OfferClosed, match="Site is not sold any more"):
        contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)
    assert not Order.objects.exists()


def test_an_order_above_the_limit_waits_and_is_decided_once(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    limit(tree.customer, 999)

    placed = contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)
    assert placed.state == State.PLACED
    assert not Contract.objects.exists()

    services.refuse(placed, by="bob", at=NOON, why="too much")
    with pytest.raises(IllegalMove):
        contracts.accept(placed, by="bob", at=NOON)
    assert not Contract.objects.exists()
    assert Order.objects.get().state_reason == "too much"


def test_a_price_that_changes_while_an_order_waits_changes_nothing(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    prices = a_price_list(tree.reseller, plan)
    limit(tree.customer, 0)
    placed = contracts.order(tree.customer, a_wish(plan), by="alice", at=NOON)

    set_price(prices, plan, kind=PriceKind.RECURRING, unit_price=Decimal(99), unit="month")
    contract = contracts.accept(placed, by="bob", at=NOON)

    agreed = LinePrice.objects.get(line__contract=contract, kind=PriceKind.RECURRING)
    assert (placed.monthly_minor, agreed.unit_price) == (1000, Decimal(10))


def test_the_set_up_counts_against_the_limit_and_is_not_slipped_past_by_ending(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    prices = a_price_list(tree.reseller, plan)
    set_price(prices, plan, kind=PriceKind.SETUP, unit_price=Decimal(5))
    limit(tree.customer, 1999)

    first = contracts.order(tree.customer, a_wish(plan, "K-1"), by="alice", at=NOON)
    contracts.end(Contract.objects.get(), at=NOON + HOUR, by="alice", why="done")
    second = contracts.order(tree.customer, a_wish(plan, "K-2"), by="alice", at=NOON + HOUR)
    limit(tree.customer, 2000)
    third = contracts.order(tree.customer, a_wish(plan, "K-3"), by="alice", at=NOON + HOUR)

    assert [one.state for one in (first, second, third)] == ["accepted", "placed", "accepted"]


def test_what_was_used_and_what_was_committed_to_count_against_the_limit(
    tree: Tree, measured: FakeUsage
) -> None:
    plan = a_plan(tree.provider)
    prices = a_price_list(tree.reseller, plan)
    set_price(
        prices, plan, kind=PriceKind.METERED, meter="memory_gib_hours", unit_price=Decimal(1),
        terms={"minimum": "2"},
    )  # fmt: skip
    limit(tree.customer, 1199)
    assert contracts.order(tree.customer, a_wish(plan, "K-1"), by="a", at=NOON).state == "placed"
    limit(tree.customer, 2700)
    assert contracts.order(tree.customer, a_wish(plan, "K-2"), by="a", at=NOON).state == "accepted"

    # 300 seconds at 0.01 and 1 GiB-hour below the commitment: 12.00 + 3.00 and 12.00 more.
    line, later = Contract.objects.get().lines.get(), NOON + 2 * HOUR
    measured.sample(line, "300", ends_at=NOON + HOUR, meter="cpu_seconds")
    measured.sample(line, "1", ends_at=NOON + HOUR, meter="memory_gib_hours")
    assert contracts.order(tree.customer, a_wish(plan, "K-3"), by="a", at=later).state == "accepted"
    assert contracts.order(tree.customer, a_wish(plan, "K-4"), by="a", at=later).state == "placed"


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_do_not_both_slip_below_the_limit() -> None:
    tree = a_tree()
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    limit(tree.customer, 1500)
    start = threading.Barrier(2)

    def order(key: str) -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                contracts.order(tree.customer, a_wish(plan, key), by="alice", at=NOON)
            finally:
                connection.close()

    threads = [threading.Thread(target=order, args=(f"K-{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = sorted(Order.objects.values_list("state", flat=True))
    assert states == [State.ACCEPTED, State.PLACED]
    assert Contract.objects.count() == 1
