"""Whatever is typed into an address, a form or the API is refused in words, never by a fault."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from erp.customers.states import Role
from tests.erp.builders import (
    FakeProducts,
    Tree,
    a_client,
    a_member,
    a_tree,
)

LISTS = [
    "/orders/", "/services/", "/invoices/", "/payments/", "/ledger/", "/billing-runs/",
    "/instances/", "/tickets/", "/organisations/", "/nodes/", "/releases/", "/catalogue/",
]  # fmt: skip
ODD = ["²", "٣", "9" * 30, "9" * 5000, "-1", "1e9", "1-²", "' or 1=1 --"]


@pytest.fixture
def tree(db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Tree:
    monkeypatch.setattr("erp.ports._implementation", lambda path: FakeProducts())
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
