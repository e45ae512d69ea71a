"""The search: by number, reference, name and mail; what one may see, and by an index."""

import pytest
from django.db import connection

from erp.base import scope
from erp.base.prefix import begins
from erp.customers.models import Organisation
from erp.customers.states import Role
from erp.tickets import services
from tests.erp.builders import NOON, Tree, a_client, a_member, a_tree
from tests.orchestration.builders import a_node


@pytest.fixture
def tree(db: None) -> Tree:
    return a_tree()


def titles(client: object, asked: str) -> list[str]:
    page = client.get("/search/", {"q": asked})  # type: ignore[attr-defined]
    assert page.status_code == 200
    return [hit.subject.title for hit in page.context["hits"]]


def test_each_thing_is_found_by_what_people_call_it(tree: Tree) -> None:
    node = a_node("paris-1")
    ann = a_member(tree.customer, Role.OWNER)
    ticket = services.open_ticket(tree.customer, subject="Slow", body="x", at=NOON, by="ann")
    operator = a_client(a_member(tree.provider, Role.OPERATOR))

    assert titles(operator, "cus") == ["Customer"]
    assert titles(operator, " CUSTOMER ") == ["Customer"]
    assert titles(operator, tree.customer.reference.lower()) == ["Customer"]
    assert titles(operator, ann.email) == [f"{ann.email}, Customer"]
    assert titles(operator, ticket.reference) == ["Slow"]
    assert titles(operator, "paris") == [node.name]
    assert titles(operator, "c") == titles(operator, "") == titles(operator, "nothing so") == []


def test_nobody_finds_what_they_may_not_see(tree: Tree) -> None:
    node = a_node("paris-1")
    eve = a_member(tree.cousin, Role.OWNER)
    ticket = services.open_ticket(tree.cousin, subject="Secret", body="x", at=NOON, by="eve")
    for client in (
        a_client(a_member(tree.reseller, Role.RESELLER_MANAGER)),
        a_client(a_member(tree.customer, Role.OWNER)),
    ):
        for asked in ("cousin", tree.cousin.reference, eve.email, ticket.reference, node.name):
            assert titles(client, asked) == [], asked


def test_the_box_gets_the_list_alone(tree: Tree) -> None:
    owner = a_client(a_member(tree.customer, Role.OWNER))

    part = owner.get("/search/", {"q": "cus", "part": "1"}).content.decode()

    assert part.startswith("<li>")
    assert f'href="/organisations/{tree.customer.reference}"' in part


def test_signs_of_patterns_are_signs(tree: Tree) -> None:
    Organisation.objects.filter(pk=tree.customer.pk).update(name="100% Ärger_GmbH")
    owner = a_client(a_member(tree.customer, Role.OWNER))

    assert titles(owner, "100% ä") == ["100% Ärger_GmbH"]
    assert titles(owner, "1__%") == []


def test_names_are_found_by_their_index_under_the_second_lock(tree: Tree) -> None:
    user = a_member(tree.provider, Role.SUPPORT)
    seen = Organisation.objects.visible_to(user).filter(begins("search_name", "cus"))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    with scope.organisations([tree.provider.pk]):
        plan = seen.order_by("search_name")[:6].explain()

    assert "organisation_search" in plan
    assert "Index Cond" in plan
