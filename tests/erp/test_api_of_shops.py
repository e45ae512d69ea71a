"""The JSON door of what is sold, to whom, and what is told to the outside."""

from typing import Any

from django.test import Client

from erp.base.journal import JournalLine
from erp.contracts.models import ContractLine
from erp.customers.models import ApiReply, ApiToken, Organisation
from erp.customers.states import Right, Role
from erp.orders.models import Order
from erp.outbox.models import Endpoint
from tests.erp.builders import Tree, a_client, a_contract, a_member, a_plan, a_price_list
from tests.erp.customers.test_tokens import a_token
from tests.erp.test_api import PROBLEM, post

PARTY = {"kind": "customer", "name": "New", "email": "new@mail.example"}


def get(client: Client, path: str) -> Any:
    return client.get(f"/api/v1/{path}")


def send(client: Client, method: str, path: str, body: dict[str, Any]) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", body, content_type="application/json")


def test_a_customer_is_founded_once_per_key_and_answered_with_the_same_bytes(tree: Tree) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    body = PARTY | {"parent": tree.reseller.reference, "vat_number": "FR44732829320"}

    first, again = (post(client, "organisations", body, key="c1") for _ in range(2))
    other = post(client, "organisations", body | {"name": "Another"}, key="c1")
    bad = post(client, "organisations", body | {"vat_number": "FR1"}, key="c2")

    assert (first.status_code, first.content) == (201, again.content)
    made = Organisation.objects.get(name="New")
    assert (made.parent, made.currency, made.country) == (tree.reseller, "EUR", "FR")
    assert first.json()["reference"] == made.reference
    assert (other.status_code, other.json()["type"]) == (409, "urn:tenantry:key_reused")
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["vat_number"])
    assert not ApiReply.objects.filter(key="c2").exists()


def test_who_may_do_less_now_is_not_answered_from_then(tree: Tree) -> None:
    manager = a_member(tree.reseller, Role.RESELLER_MANAGER)
    body = PARTY | {"parent": tree.reseller.reference}
    assert post(a_client(manager), "organisations", body, key="c1").status_code == 201

    manager.members.update(role=Role.READ_ONLY)

    assert post(a_client(manager), "organisations", body, key="c1").status_code == 403


def test_facts_terms_and_members_are_kept_by_who_may(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))
    seller = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"organisations/{tree.customer.reference}"

    changed = send(owner, "patch", path, {"city": "Lille"})
    assert (changed.json()["city"], changed.json()["name"]) == ("Lille", "Customer")
    granted = {"payment_days": 14, "credit_limit_minor": 5000}
    assert send(owner, "put", f"{path}/terms", granted).status_code == 403
    assert send(seller, "put", f"{path}/terms", granted).json()["credit_limit_minor"] == 5000
    made = post(owner, f"{path}/members", {"email": "b@people.example", "role": "billing"})
    assert made.json() == {"email": "b@people.example", "role": "billing"}
    refused = post(owner, f"{path}/members", {"email": "c@people.example", "role": "operator"})
    assert list(refused.json()["errors"]) == ["role"]
    assert {one["event"] for one in get(owner, f"{path}/events").json()["results"]} == {
        "founded", "changed", "member_added",
    }  # fmt: skip


def test_the_account_of_an_organisation_is_for_who_sees_its_invoices(tree: Tree) -> None:
    Organisation.objects.filter(pk=tree.customer.pk).update(iban="FR7630006000011234567890189")
    path = f"organisations/{tree.customer.reference}"

    assert get(a_client(a_member(tree.customer, Role.TECHNICAL)), path).json()["iban"] is None
    shown = get(a_client(a_member(tree.customer, Role.BILLING)), path).json()["iban"]
    assert shown == "FR7630006000011234567890189"


def test_a_caller_hears_who_it_is_and_what_its_token_permits(tree: Tree) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER), Right.ORDER)
    headers = {"Authorization": f"Bearer {text}"}

    told = Client().get("/api/v1/me", headers=headers).json()

    assert told["token"] == ApiToken.objects.get().reference
    assert [(one["organisation"], one["rights"]) for one in told["memberships"]] == [
        (tree.customer.reference, ["order", "see"])
    ]


def test_a_token_is_revoked_and_opens_nothing_any_more(tree: Tree) -> None:
    text = a_token(a_member(tree.customer, Role.OWNER))
    owner = a_client(a_member(tree.customer, Role.OWNER))
    path = f"organisations/{tree.customer.reference}/tokens"

    token = get(owner, path).json()["results"][0]["reference"]
    assert post(owner, f"{path}/{token}/revoke", {}).json()["revoked_at"]
    headers = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/me", headers=headers).status_code == 401


def test_a_buyer_sees_what_it_can_buy_at_its_sellers_prices(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan, monthly="12.50")
    client = a_client(a_member(tree.customer, Role.OWNER))
    path = f"catalogue/{tree.customer.reference}"

    (item,) = get(client, path).json()["results"]
    offer = get(client, f"{path}/offers/{plan.offer.reference}").json()

    assert (item["plan"]["code"], item["monthly_minor"], item["currency"]) == ("small", 1250, "EUR")
    assert [one["kind"] for one in item["prices"]] == ["recurring", "metered"]
    assert offer["parameters"]["properties"]["title"]["maxLength"] == 20
    assert offer["plans"] == [item]
    assert get(client, f"{path}/offers/P-00000000").status_code == 404
    assert get(client, f"catalogue/{tree.sibling.reference}").status_code == 404


def test_a_quote_says_the_price_and_orders_nothing(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    Organisation.objects.filter(pk=tree.customer.pk).update(credit_limit_minor=999)
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "parameters": {"title": "Hi"},
    }  # fmt: skip

    quote = post(a_client(a_member(tree.customer, Role.OWNER)), "orders/quote", body).json()

    assert (quote["monthly_minor"], quote["setup_minor"], quote["first_month_minor"]) == (
        1000, 0, 1000,
    )  # fmt: skip
    assert quote["is_accepted_at_once"] is False
    assert not Order.objects.exists()
    reader = a_client(a_member(tree.customer, Role.READ_ONLY))
    assert post(reader, "orders/quote", body).status_code == 403


def test_the_seller_decides_on_what_waits_and_the_repeat_says_so(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    Organisation.objects.filter(pk=tree.customer.pk).update(credit_limit_minor=0)
    buyer = a_client(a_member(tree.customer, Role.OWNER))
    body = {
        "organisation": tree.customer.reference, "offer": plan.offer.reference, "plan": "small",
        "name": "Our site",
    }  # fmt: skip

    placed = post(buyer, "orders", body, key="o1").json()
    path = f"orders/{placed['reference']}/accept"
    assert (placed["state"], placed["service"]) == ("placed", None)
    assert post(buyer, path, {}).status_code == 403
    seller = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    accepted = post(seller, path, {}).json()

    assert accepted["state"] == "accepted"
    assert post(buyer, "orders", body, key="o1").json() == accepted
    assert get(buyer, "orders?state=placed").json()["results"] == []


def test_parameters_are_planned_then_changed_and_the_same_again_changes_nothing(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    client = a_client(a_member(tree.customer, Role.TECHNICAL))
    path = f"services/{contract.reference}/lines/1"
    wish = {"parameters": {"title": "Hello", "token": "12345678"}}

    foreseen = post(client, f"{path}/plan", wish).json()
    assert (foreseen["is_changed"], foreseen["changes"]) == (True, ["title", "token"])
    assert foreseen["after"] == {"title": "Hello", "token": "(secret)"}
    assert ContractLine.objects.get().parameters == {"title": "Hi"}
    for _ in range(2):
        changed = send(client, "put", f"{path}/parameters", wish)
        assert changed.json()["lines"][0]["parameters"]["title"] == "Hello"
    assert JournalLine.objects.filter(event="changed", subject_kind="contract").count() == 1
    assert post(client, f"{path}/plan", wish).json()["is_changed"] is False
    bad = send(client, "put", f"{path}/parameters", {"parameters": {"workers": "many"}})
    assert (bad.status_code, bad.headers["Content-Type"]) == (422, PROBLEM)
    assert post(client, f"services/{contract.reference}/lines/2/plan", wish).status_code == 404


def test_a_webhook_is_added_once_shows_its_secret_and_is_tested(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))
    body = {
        "organisation": tree.customer.reference, "url": "https://hooks.example/",
        "events": ["ticket.opened"],
    }  # fmt: skip

    first, again = (post(owner, "webhooks", body, key="w1") for _ in range(2))
    path = f"webhooks/{first.json()['reference']}"
    secret = post(owner, f"{path}/secret", {})
    tests = [post(owner, f"{path}/test", {}, key="t1").status_code for _ in range(2)]

    assert (first.status_code, first.content) == (201, again.content)
    assert Endpoint.objects.count() == 1
    assert secret.json()["secret"].startswith("whsec_")
    assert secret.headers["Cache-Control"] == "no-store"
    assert tests == [202, 202]
    (delivery,) = get(owner, f"{path}/deliveries").json()["results"]
    assert (delivery["event"], delivery["state"]) == ("endpoint.test", "waiting")
    replayed = post(owner, f"deliveries/{delivery['webhook_id']}/replay", {})
    assert replayed.json()["type"] == "urn:tenantry:still_on_its_way"
    assert post(owner, f"{path}/disable", {}).json()["state"] == "disabled"
    private = post(owner, "webhooks", body | {"url": "http://hooks.example/"}, key="w2")
    assert list(private.json()["errors"]) == ["url"]
    reader = a_client(a_member(tree.customer, Role.READ_ONLY))
    assert get(reader, path).status_code == 403


def test_preferences_are_read_and_set(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))
    wish = {"organisation": tree.customer.reference, "topic": "invoices", "is_wanted": True}

    before = {one["topic"]: one["is_wanted"] for one in get(client, "preferences").json()}
    assert (before["invoices"], before["account"]) == (False, True)
    assert post(client, "preferences", wish).json()["is_wanted"] is True
    after = {one["topic"]: one["is_wanted"] for one in get(client, "preferences").json()}
    assert after == before | {"invoices": True}


def test_prices_are_set_and_lists_end(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    found = a_price_list(tree.reseller, plan)
    manager = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"price-lists/{found.reference}"
    price = {
        "offer": plan.offer.reference, "plan": "small", "kind": "recurring", "unit_price": "11.5",
    }  # fmt: skip

    assert send(manager, "put", f"{path}/prices", price).json()["unit_price"] == "11.500000000"
    shown = get(manager, f"{path}/prices").json()["results"]
    assert {one["kind"]: one["unit_price"] for one in shown}["recurring"] == "11.500000000"
    assert post(manager, f"{path}/end", {"ends_at": "2020-01-01T00:00:00Z"}).status_code == 422
    ended = post(manager, f"{path}/end", {"ends_at": "2099-01-01T00:00:00Z"})
    assert ended.json()["ends_at"] == "2099-01-01T00:00:00Z"
    owner = a_client(a_member(tree.customer, Role.OWNER))
    assert get(owner, path).status_code == 403


def test_what_django_refuses_is_a_problem_too(tree: Tree) -> None:
    client = a_client(a_member(tree.customer, Role.OWNER))

    for path, status in (("nothing-here", 404), ("services?name=%00", 400)):
        answer = get(client, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
        assert answer.json()["status"] == status
