"""A secret parameter is sealed as soon as it is given, and nobody is shown it again."""

from typing import Any

import pytest
from django.db import connection

from erp.base.secret_parameters import HIDDEN, SEALED, hide_in, revealed, sealed
from erp.contracts import services as contracts
from erp.contracts.models import Contract, ContractLine
from erp.customers.states import Role
from erp.orders.models import Order
from erp.orders.parameters import BadParameters
from erp.orders.schema_form import schema_form
from erp.orders.services import KeyReused
from tests.erp.builders import NOON, SCHEMA, Tree, a_client, a_member, a_plan, a_price_list, a_wish

TOKEN = "canary-4711"


@pytest.fixture
def line(tree: Tree) -> ContractLine:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    wish = a_wish(plan, parameters={"title": "Hi", "token": TOKEN})
    placed = contracts.order(tree.customer, wish, by="alice", at=NOON)
    return Contract.objects.get(order=placed).lines.get()


def plain(line: ContractLine) -> dict[str, Any]:
    line.refresh_from_db()
    return revealed(line.parameters, product=line.product)


def change(line: ContractLine, **parameters: Any) -> None:
    contracts.change_parameters(line, parameters, at=NOON, by="alice")


def whole_database() -> str:
    """Return everything that every table holds, as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for name in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{name}" t')
            rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)


def test_a_secret_is_in_no_row_of_any_table(line: ContractLine) -> None:
    change(line, title="New", token=TOKEN)
    change(line, title="New", token=f"{TOKEN}-changed")
    rows = whole_database()
    assert '"Hi"' in rows, "the rows are read"
    assert TOKEN not in rows
    assert plain(line) == {"title": "New", "token": f"{TOKEN}-changed"}


def test_a_secret_that_is_not_given_again_stays(line: ContractLine) -> None:
    before = line.parameters
    change(line, title="Hi")
    line.refresh_from_db()
    assert line.parameters == before, "nothing changed"
    change(line, title="New")
    assert plain(line) == {"title": "New", "token": TOKEN}


def test_the_same_secret_again_changes_nothing(line: ContractLine) -> None:
    before = line.parameters
    change(line, title="Hi", token=TOKEN)
    line.refresh_from_db()
    assert line.parameters == before


def test_the_same_key_with_the_same_secret_is_the_same_order(line: ContractLine) -> None:
    order = Order.objects.get()
    wish = a_wish(order.plan, parameters={"title": "Hi", "token": TOKEN})
    assert contracts.order(order.organisation, wish, by="alice", at=NOON) == order
    other = a_wish(order.plan, parameters={"title": "Hi", "token": "another-one"})
    with pytest.raises(KeyReused):
        contracts.order(order.organisation, other, by="alice", at=NOON)


def test_nobody_is_shown_it(line: ContractLine) -> None:
    client = a_client(a_member(line.organisation, Role.OWNER))
    contract, order = line.contract.reference, Order.objects.get().reference
    pages = [
        f"/services/{contract}",
        f"/services/{contract}/parameters/1",
        f"/orders/{order}",
        f"/api/v1/services/{contract}",
        f"/api/v1/orders/{order}",
    ]
    for page in pages:
        text = client.get(page).content.decode()
        assert "Hi" in text, page
        assert TOKEN not in text, page
        assert SEALED not in text, page
    assert HIDDEN in client.get(f"/services/{contract}").content.decode()


def test_the_form_keeps_what_is_left_empty(line: ContractLine) -> None:
    client = a_client(a_member(line.organisation, Role.OWNER))
    path = f"/services/{line.contract.reference}/parameters/1"
    assert "leave it empty to keep it" in client.get(path).content.decode()
    assert client.post(path, {"p_title": "New", "p_token": ""}).status_code == 302
    assert plain(line) == {"title": "New", "token": TOKEN}
    assert client.post(path, {"p_title": "New", "p_token": "a-new-token"}).status_code == 302
    assert plain(line) == {"title": "New", "token": "a-new-token"}


def test_a_refusal_does_not_repeat_the_secret(line: ContractLine) -> None:
    with pytest.raises(BadParameters) as refusal:
        change(line, token="canary")
    assert refusal.value.facts["errors"] == {"token": f"'{HIDDEN}' is too short"}
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("value", [{SEALED: "AQE="}, [{SEALED: "x"}]])
def test_nobody_hands_in_a_sealed_secret(line: ContractLine, value: Any) -> None:
    with pytest.raises(BadParameters) as refusal:
        change(line, title=value)
    told = "these signs or numbers cannot be stored"
    assert refusal.value.facts["errors"] == {"parameters": told}


def test_a_parameter_that_becomes_a_secret_is_sealed_with_the_next_change() -> None:
    stored = sealed({"token": TOKEN}, SCHEMA, product="site", before={"token": TOKEN})
    assert set(stored["token"]) == {SEALED}
    assert revealed(stored, product="site") == {"token": TOKEN}


def test_an_object_may_be_a_secret_as_a_whole() -> None:
    schema = {"properties": {"environment": {"type": "object", "writeOnly": True}}}
    given = {"environment": {"KEY": TOKEN, "PORTS": [1, 2]}}
    stored = sealed(given, schema, product="site", before={})
    assert set(stored["environment"]) == {SEALED}
    assert revealed(stored, product="site") == given
    told = hide_in(f"{given['environment']} is too long", given, schema)
    assert TOKEN not in told


def test_a_key_of_many_lines_has_an_area() -> None:
    rule = {"type": "string", "writeOnly": True, "contentMediaType": "application/x-pem-file"}
    form = schema_form(
        {"properties": {"key": rule, "token": {"type": "string", "writeOnly": True}}}
    )
    shown = form({"p_key": TOKEN, "p_token": TOKEN}).as_div()
    assert "<textarea" in shown
    assert 'type="password"' in shown
