"""What an answer carries: the rows of its reader to the last byte, and the browser's rules."""

import pytest
from django.conf import LazySettings

from erp.base import scope
from erp.customers.states import Role
from tests.erp.builders import (
    FakeProducts,
    Tree,
    a_client,
    a_contract,
    a_member,
    a_plan,
    a_price_list,
    a_tree,
)


@pytest.fixture
def tree(db: None, monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Tree:
    monkeypatch.setattr("erp.ports._implementation", lambda path: FakeProducts())
    settings.NUDGES = "tests.billing.conftest.silence"
    return a_tree()


def test_a_stream_is_read_in_the_scope_of_its_reader(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    mine, other = a_contract(tree.customer, plan), a_contract(tree.sibling, plan)
    client = a_client(a_member(tree.customer, Role.OWNER))

    with scope.organisations([]):
        answer = client.get("/services/export.csv")
        text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    assert mine.reference in text
    assert other.reference not in text
