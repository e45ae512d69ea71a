"""Whatever is typed into an address, a form or the API is refused in words, never by a fault."""

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from erp.customers.states import Role
from erp.orders.schema_form import RAW, schema_form
from tests.erp.builders import (
    FakePlaces,
    FakeProducts,
    Tree,
    a_client,
    a_member,
    a_plan,
    a_price_list,
    a_tree,
)

LISTS = [
    "/orders/", "/services/", "/invoices/", "/payments/", "/ledger/", "/billing-runs/",
    "/instances/", "/tickets/", "/organisations/", "/nodes/", "/releases/", "/catalogue/",
]  # fmt: skip
ODD = ["²", "٣", "9" * 30, "9" * 5000, "-1", "1e9", "1-²", "' or 1=1 --"]


@pytest.fixture
def tree(db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Tree:
    sources = {settings.PRODUCT_SOURCE: FakeProducts(), settings.PLACEMENT_SOURCE: FakePlaces()}
    monkeypatch.setattr("erp.ports._implementation", sources.__getitem__)
    settings.NUDGES = "tests.billing.conftest.silence"
    return a_tree()


def _without_raising(role: Role, organisation: Any) -> Client:
    client = a_client(a_member(organisation, role))
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("position", ODD)
@pytest.mark.parametrize("name", ["before", "after", "state", "q", "books", "outcome", "sort"])
def test_an_odd_filter_is_as_good_as_none(tree: Tree, name: str, position: str) -> None:
    clients = [_without_raising(role, tree.provider) for role in (Role.ACCOUNTANT, Role.OPERATOR)]
    answers = {
        path: {client.get(path, {name: position}).status_code for client in clients}
        for path in LISTS
    }
    faults = {path: codes for path, codes in answers.items() if not codes <= {200, 403, 404}}
    assert faults == {}


@pytest.mark.parametrize("name", ["q", "after", "state", "before", "service", "books"])
def test_a_nul_in_an_address_is_a_bad_request(tree: Tree, name: str) -> None:
    client = _without_raising(Role.ACCOUNTANT, tree.provider)
    assert {client.get(path, {name: "a\0b"}).status_code for path in LISTS} == {400}
    for path in ("services", "orders", "tickets", "invoices", "organisations", "api/v1/services"):
        assert client.get(f"/{path}/%00").status_code == 400


def test_a_nul_in_a_cookie_is_a_bad_request(tree: Tree) -> None:
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "\0" * 32
    assert client.get("/services/").status_code == 400


@pytest.mark.parametrize(
    "parameters",
    ['{"title": "a\\u0000b"}', '{"title": "\\ud800"}', '{"a\\u0000": 1}', '{"workers": 1e999}',
     '{"workers": NaN}', "[" * 100_000, '{"x": ' * 100_000, '{"workers": ' + "9" * 5000 + "}",
     '{"workers": ' * 900 + "0" + "}" * 900],
)  # fmt: skip
def test_parameters_that_cannot_be_stored_are_refused(tree: Tree, parameters: str) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    client = _without_raising(Role.OWNER, tree.customer)
    head = {"organisation": tree.customer.reference, "offer": plan.offer.reference}
    body = json.dumps(head | {"plan": "small", "name": "Site", "parameters": 0})
    answer = client.post(
        "/api/v1/orders",
        body.replace('"parameters": 0', f'"parameters": {parameters}'),
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    assert 400 <= answer.status_code < 500, answer.content


def test_the_json_of_a_form_is_bounded_too() -> None:
    schemas: dict[str, Any] = {
        "p_deep": {"properties": {"deep": {"type": "object"}}},
        RAW: {"oneOf": []},
    }
    for field, schema in schemas.items():
        form = schema_form(schema)({field: "[" * 100_000})
        assert not form.is_valid()
        assert "This is no JSON" in str(form.errors[field])


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_billing_run_at_the_end_of_the_calendar_is_refused(tree: Tree, day: str) -> None:
    client = _without_raising(Role.ACCOUNTANT, tree.provider)
    asked = {"issuer": tree.provider.reference, "first_day": day, "last_day": day}
    answer = client.post("/billing-runs/new", asked)
    assert answer.status_code == (422 if day > "2026" else 302)


NUMBERS = ["\0", "²²²²²²²²²²", "FR²²²²²²²²²²²", "٣٣٣٣٣٣٣٣٣٣", "..", "x" * 10_000, "eu.vat", "a b"]


@pytest.mark.parametrize("country", ["FR", "ES", "BR", "US", "CH", "", "\0", "eu", "..", "util"])
def test_odd_numbers_of_a_party_are_refused_beside_their_field(tree: Tree, country: str) -> None:
    client = _without_raising(Role.RESELLER_MANAGER, tree.reseller)
    place = f"/organisations/{tree.reseller.reference}/customers/new"
    facts = {"name": "X", "country": country, "email": "a@b.example", "currency": "EUR"}
    odd = [{name: number} for name in ("vat_number", "iban", "bic") for number in NUMBERS]
    answers = [(one, client.post(place, facts | one).status_code) for one in odd]
    assert [one for one, status in answers if status >= 500] == []
