"""The pages of orders: choose, see the price, order once; the seller decides."""

import re
from decimal import Decimal

import pytest

from erp.catalogue.models import PriceKind
from erp.catalogue.services import set_price
from erp.contracts.models import Contract
from erp.customers.states import Role
from erp.orders.models import Order
from tests.erp.builders import Tree, a_client, a_member, a_plan, a_price_list


def test_a_form_sent_twice_is_one_order(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))
    path = f"/services/order/{tree.customer.reference}/{plan.pk}"
    page = client.get(path).content.decode()
    key = re.search(r'name="key" value="(K-[0-9A-Z]{8})"', page)
    assert key
    assert "10.00" in page

    asked = {"key": key[1], "name": "Our site", "p_title": "Hi"}
    first, again = client.post(path, asked), client.post(path, asked)

    contract = Contract.objects.get()
    assert (
        first.headers["Location"] == again.headers["Location"] == f"/services/{contract.reference}"
    )
    assert contract.lines.get().parameters == {"title": "Hi"}
    assert "Our site" in client.get("/orders/").content.decode()
    assert "Our site" in client.get(f"/orders/{Order.objects.get().reference}").content.decode()


def test_the_buyer_sees_what_the_set_up_costs(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    prices = a_price_list(tree.reseller, plan)
    set_price(prices, plan, kind=PriceKind.SETUP, unit_price=Decimal(49))
    client = a_client(a_member(tree.customer, Role.OWNER))

    page = client.get(f"/services/order/{tree.customer.reference}/{plan.pk}").content.decode()

    assert "49.00" in page


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"key": "x"}, {"p_title": "x" * 21}, {"p_workers": "many"}]
)
def test_a_bad_order_is_shown_again(tree: Tree, wrong: dict[str, str]) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"key": "K-0000000A", "name": "Our site", "p_title": "Hi"} | wrong

    answer = client.post(f"/services/order/{tree.customer.reference}/{plan.pk}", asked)

    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_an_order_above_the_limit_is_decided_by_the_seller(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    type(tree.customer).objects.filter(pk=tree.customer.pk).update(credit_limit_minor=0)
    owner = a_client(a_member(tree.customer, Role.OWNER))
    path = f"/services/order/{tree.customer.reference}/{plan.pk}"
    for number in range(2):
        owner.post(path, {"key": f"K-0000000{number}", "name": f"Site {number}"})
    first, second = Order.objects.order_by("pk")
    assert first.state == "placed"

    assert owner.post(f"/services/decide/{first.reference}/accept").status_code == 403
    seller = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    assert "Accept" in seller.get(f"/orders/{first.reference}").content.decode()
    assert seller.post(f"/services/decide/{first.reference}/maybe").status_code == 404
    seller.post(f"/services/decide/{second.reference}/refuse", {"why": "x" * 301})
    seller.post(f"/services/decide/{first.reference}/accept")
    seller.post(f"/services/decide/{second.reference}/refuse", {"why": "too much"})

    assert Contract.objects.get().order == first
    second.refresh_from_db()
    assert (second.state, second.state_reason) == ("refused", "too much")
    assert seller.post(f"/services/decide/{second.reference}/accept").status_code == 409


def test_one_cannot_order_for_others_or_what_is_not_priced(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    owner = a_client(a_member(tree.customer, Role.OWNER))
    asked = {"key": "K-0000000A", "name": "Our site"}

    assert (
        owner.post(f"/services/order/{tree.sibling.reference}/{plan.pk}", asked).status_code == 404
    )
    assert owner.post(f"/services/order/{tree.customer.reference}/999", asked).status_code == 404
    reader = a_client(a_member(tree.customer, Role.READ_ONLY))
    assert (
        reader.post(f"/services/order/{tree.customer.reference}/{plan.pk}", asked).status_code
        == 403
    )
    assert not Order.objects.exists()
