"""The JSON door: the same rights and refusals as the pages, and every POST safe to repeat."""

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from erp.contracts.models import Contract
from erp.customers.states import Role
from erp.orders.models import Order
from erp.tickets.models import Message, Ticket
from tests.erp.builders import Tree, a_client, a_contract, a_member, a_plan, a_price_list

PROBLEM = "application/problem+json"


def post(client: Client, path: str, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def test_the_schema_has_no_warnings(tmp_path: Any) -> None:
    target = tmp_path / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(target))

    assert target.read_text().startswith("openapi: 3.1.0")


def test_an_order_needs_a_key_and_is_placed_once_per_key(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site", "parameters": {"title": "Hi"},
    }  # fmt: skip

    without = post(client, "orders", body)
    first, again = (post(client, "orders", body, key="wish 1") for _ in range(2))
    other = post(client, "orders", body | {"name": "Another"}, key="wish 1")

    assert (without.status_code, without.headers["Content-Type"]) == (400, PROBLEM)
    assert without.json()["type"] == "urn:tenantry:idempotency_key_missing"
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.json()["service"] == Contract.objects.get().reference
    assert (other.status_code, other.json()["type"]) == (409, "urn:tenantry:key_reused")
    assert Order.objects.count() == 1


def test_bad_parameters_come_back_with_their_names(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site", "parameters": {"workers": "many"},
    }  # fmt: skip

    answer = post(client, "orders", body, key="wish 1")

    assert (answer.status_code, answer.headers["Content-Type"]) == (422, PROBLEM)
    assert answer.json()["errors"] == {"workers": "'many' is not of type 'integer'"}
    assert not Order.objects.exists()


def test_a_malformed_order_is_a_problem_per_field(tree: Tree) -> None:
    answer = post(a_client(a_member(tree.customer, Role.OWNER)), "orders", {"name": ""}, key="1")

    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"organisation", "offer", "plan", "name"}
    assert answer.json()["title"] == "Invalid input."


def test_a_service_is_suspended_resumed_and_ended_by_verbs(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    client = a_client(a_member(tree.customer, Role.TECHNICAL))
    path = f"services/{contract.reference}"

    assert post(client, f"{path}/suspend", {"why": "holidays"}).json()["state"] == "suspended"
    again = post(client, f"{path}/suspend", {"why": "holidays"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:tenantry:illegal_move")
    assert post(client, f"{path}/suspend", {}).status_code == 400
    assert post(client, f"{path}/resume", {}).json()["state"] == "active"
    assert post(client, f"{path}/end", {"why": "x", "confirm": "no"}).status_code == 400
    ended = post(client, f"{path}/end", {"why": "moved", "confirm": "Our site"})
    assert (ended.json()["state"], ended.json()["state_reason"]) == ("ended", "moved")
    assert client.get(f"/api/v1/{path}").json()["lines"][0]["plan"] == "small"


def test_the_api_knows_the_same_rights(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    reader = a_client(a_member(tree.customer, Role.READ_ONLY))
    rival = a_client(a_member(tree.cousin, Role.OWNER))
    path = f"services/{contract.reference}"

    assert post(reader, f"{path}/suspend", {"why": "x"}).status_code == 403
    unknown = post(rival, f"{path}/suspend", {"why": "x"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:tenantry:not_found")
    assert rival.get("/api/v1/services").json()["results"] == []
    assert Client().get("/api/v1/services").status_code == 401
    contract.refresh_from_db()
    assert contract.state == "active"


def test_tickets_are_opened_and_talked_in_once_per_key(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    staff = a_client(a_member(tree.provider, Role.SUPPORT))
    body = {"organisation": tree.customer.reference, "subject": "Slow", "body": "Since noon."}

    first, again = (post(client, "tickets", body, key="t1") for _ in range(2))
    reference = first.json()["reference"]
    path = f"tickets/{reference}/messages"
    for _ in range(2):
        note = {"body": "Their disk.", "is_internal": True}
        assert post(staff, path, note, key="m1").status_code == 201
        assert post(staff, path, {"body": "Which page?"}, key="m2").status_code == 201

    assert (first.status_code, first.json()) == (201, again.json())
    assert (Ticket.objects.count(), Message.objects.count()) == (1, 3)
    said = [one["body"] for one in client.get(f"/api/v1/{path}").json()["results"]]
    assert said == ["Which page?", "Since noon."]
    assert len(staff.get(f"/api/v1/{path}").json()["results"]) == 3
    assert post(client, path, {"body": "x", "is_internal": True}, key="m3").status_code == 403
    assert post(client, path, {"body": "x"}).status_code == 400
    assert client.get(f"/api/v1/tickets/{reference}").json()["state"] == "waiting"
    closed = post(client, f"tickets/{reference}/close", {"why": "found"})
    assert (closed.json()["state"], closed.json()["state_reason"]) == ("closed", "found")
    assert client.get("/api/v1/tickets?state=open").json()["results"] == []
    assert len(client.get("/api/v1/tickets?state=closed").json()["results"]) == 1
    assert client.get("/api/v1/tickets?state=odd").status_code == 400


def test_a_ticket_about_the_service_of_others_is_refused(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.sibling, plan)
    body = {"organisation": tree.customer.reference, "subject": "Slow", "body": "x"}
    body |= {"service": contract.reference}

    owner = a_client(a_member(tree.customer, Role.OWNER))
    manager = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    assert post(owner, "tickets", body, key="1").status_code == 404
    assert (
        post(manager, "tickets", body, key="1").json()["type"] == "urn:tenantry:not_their_service"
    )
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("key", ["x" * 81, "   "])
def test_an_odd_key_is_refused(tree: Tree, key: str) -> None:
    answer = post(a_client(a_member(tree.customer, Role.OWNER)), "tickets", {}, key=key)

    assert answer.json()["type"] == "urn:tenantry:idempotency_key_missing"
