"""What a buyer may wish of the place: refused at once where it could never be fulfilled."""

from typing import Any

import pytest
from django.test import Client

from erp.catalogue.models import Plan
from erp.contracts.models import Contract, ContractLine
from erp.customers.states import Role
from erp.orders.models import Order
from tests.erp.builders import Tree, a_client, a_member, a_plan, a_price_list


def a_buyer(tree: Tree) -> tuple[Client, Plan]:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    return a_client(a_member(tree.customer, Role.OWNER)), plan


def order(client: Client, tree: Tree, plan: Plan, sla: dict[str, Any], key: str = "1") -> Any:
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site", "sla": sla,
    }  # fmt: skip
    headers = {"Idempotency-Key": key}
    return client.post("/api/v1/orders", body, content_type="application/json", headers=headers)


def test_the_form_offers_the_regions_and_the_line_keeps_the_choice(tree: Tree) -> None:
    client, plan = a_buyer(tree)
    path = f"/services/order/{tree.customer.reference}/{plan.pk}"
    page = client.get(path).content.decode()
    assert 'name="at_region"' in page
    assert '<option value="lille">' in page
    asked = {"key": "K-0000000A", "name": "Our site", "at_region": "lille"}
    assert client.post(path, asked | {"at_region": "mars"}).status_code == 422
    assert client.post(path, asked).status_code == 302
    assert ContractLine.objects.get().sla == {"region": "lille"}


def test_what_the_plan_fixes_is_not_asked_and_holds(tree: Tree) -> None:
    client, plan = a_buyer(tree)
    Plan.objects.filter(pk=plan.pk).update(sla={"region": "paris", "labels": ["ssd"]})
    path = f"/services/order/{tree.customer.reference}/{plan.pk}"
    page = client.get(path).content.decode()
    assert 'name="at_region"' not in page
    assert "paris" in page
    assert client.post(path, {"key": "K-0000000A", "name": "Our site"}).status_code == 302
    assert ContractLine.objects.get().sla == {"region": "paris", "labels": ["ssd"]}
    refused = order(client, tree, plan, {"region": "lille"}, key="2")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:tenantry:not_offered")
    assert refused.json()["title"] == "Site Small fixes the region of the place."


@pytest.mark.parametrize(
    ("sla", "kind", "title"),
    [
        (
            {"colour": "red"},
            "unknown_place",
            "Unknown SLA filter 'colour'; there are: labels, region.",
        ),
        ({"region": "mars"}, "unknown_place", "There is no mars; there are: lille, paris."),
        (
            {"labels": ["ssd"]},
            "not_offered",
            "Site does not let you choose the labels of the place; it lets you choose: "
            "region, countries, with, not_with, unique_by_network.",
        ),
    ],
)
def test_a_wish_that_nobody_could_fulfil_is_refused_in_words(
    tree: Tree, sla: dict[str, Any], kind: str, title: str
) -> None:
    client, plan = a_buyer(tree)
    answer = order(client, tree, plan, sla)
    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:tenantry:{kind}")
    assert answer.json()["title"] == title
    assert not Order.objects.exists()


def test_the_same_order_twice_is_one_whatever_the_plan_fixes_later(tree: Tree) -> None:
    client, plan = a_buyer(tree)
    first = order(client, tree, plan, {"region": "lille"})
    Plan.objects.filter(pk=plan.pk).update(sla={"labels": ["ssd"]})
    again = order(client, tree, plan, {"region": "lille"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["reference"] == again.json()["reference"]
    assert first.json()["sla"] == {"region": "lille"}
    assert Contract.objects.count() == 1
