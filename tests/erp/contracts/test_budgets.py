"""Budgets: set by who pays, held inside the transaction of an order, slipped past by nobody."""

import threading

import pytest
from django.db import connection

from erp.base import scope
from erp.base.journal import history
from erp.contracts import budgets, changes, services
from erp.contracts.models import Budget, Contract, LineChange
from erp.customers.models import Organisation
from erp.customers.states import Role
from erp.orders.models import Order
from tests.erp.builders import (
    NOON,
    Tree,
    a_client,
    a_member,
    a_plan,
    a_price_list,
    a_tree,
    a_wish,
)
from tests.erp.contracts.test_changes import LATER, resizable, wish


def hard(tree: Tree, minor: int, contract: Contract | None = None) -> Budget | None:
    wanted = budgets.Wanted(minor, is_hard=True)
    return budgets.set_budget(tree.customer, wanted, contract=contract, at=NOON, by="alice")


def test_the_very_first_order_does_not_slip_past_a_hard_budget(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    hard(tree, 999)

    with pytest.raises(budgets.OverBudget, match="and this makes it 10"):
        services.order(tree.customer, a_wish(plan), by="alice", at=NOON)
    assert not Order.objects.exists()

    hard(tree, 1000)
    assert services.order(tree.customer, a_wish(plan), by="alice", at=NOON).state == "accepted"


def test_a_budget_that_only_tells_refuses_nothing(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    wanted = budgets.Wanted(1)
    for _ in range(2):
        budgets.set_budget(tree.customer, wanted, contract=None, at=NOON, by="alice")

    assert services.order(tree.customer, a_wish(plan), by="alice", at=NOON).state == "accepted"
    made = Budget.objects.get()
    assert [one.event for one in history(made)] == ["set"]
    gone = budgets.Wanted(None)
    budgets.set_budget(tree.customer, gone, contract=None, at=NOON, by="alice")
    assert not Budget.objects.exists()


def test_a_change_is_held_to_the_budget_of_the_service_and_of_the_customer(tree: Tree) -> None:
    line, big = resizable(tree)
    # The small plan with its set-up is 15.00 this month, and the great one 30.00 more.
    for contract in (None, line.contract):
        hard(tree, 4499, contract)
        with pytest.raises(budgets.OverBudget, match="and this makes it 45"):
            changes.change(line, wish(big), at=LATER, by="alice")
        hard(tree, 4500, contract)

    assert changes.change(line, wish(big), at=LATER, by="alice").state == "applied"
    assert LineChange.objects.count() == 1


def test_what_waited_is_held_to_the_budget_when_the_seller_accepts_it(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    hard(tree, 1500)
    Organisation.objects.filter(pk=tree.customer.pk).update(credit_limit_minor=0)
    waiting = [
        services.order(tree.customer, a_wish(plan, key), by="alice", at=NOON)
        for key in ("K-1", "K-2")
    ]
    assert [one.state for one in waiting] == ["placed", "placed"]

    services.accept(waiting[0], by="bob", at=NOON)
    with pytest.raises(budgets.OverBudget):
        services.accept(waiting[1], by="bob", at=NOON)
    assert Contract.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_orders_at_once_one_stays_outside_the_budget() -> None:
    tree = a_tree()
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    hard(tree, 1500)
    start, refused = threading.Barrier(2), []

    def order(key: str) -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                services.order(tree.customer, a_wish(plan, key), by="alice", at=NOON)
            except budgets.OverBudget:
                refused.append(key)
            finally:
                connection.close()

    threads = [threading.Thread(target=order, args=(f"K-{number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert Contract.objects.count() == 1


def test_the_pages_set_a_budget_for_who_pays(tree: Tree) -> None:
    line, _ = resizable(tree)
    owner = a_client(a_member(tree.customer, Role.OWNER))
    technical = a_client(a_member(tree.customer, Role.TECHNICAL))
    places = [f"/services/budget/{tree.customer.reference}"]
    places.append(f"/services/{line.contract.reference}/budget")

    for place in places:
        assert technical.get(place).status_code == 403
        assert "Refuse orders and upgrades" in owner.get(place).content.decode()
        wrong = owner.post(place, {"amount": "10", "alerts": "x"})
        assert (wrong.status_code, "whole numbers" in wrong.content.decode()) == (422, True)
        given = {"amount": "12.50", "alerts": "100, 50 %", "is_hard": "on"}
        assert owner.post(place, given).status_code == 302
    found = Budget.objects.values_list("contract", "monthly_minor", "alerts", "is_hard")
    assert sorted(found, key=str) == sorted(
        [(None, 1250, [50, 100], True), (line.contract_id, 1250, [50, 100], True)], key=str
    )
    assert "12.50" in owner.get(places[0]).content.decode()
    owner.post(places[0], {"amount": "", "alerts": ""})
    assert Budget.objects.get().contract == line.contract
