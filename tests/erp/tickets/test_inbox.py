"""The inbox: what runs out first stands first, whose it is, and no more queries for more rows."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from erp.customers.states import Role
from erp.desk.states import Priority
from erp.tickets import queries, services, working
from erp.tickets.models import Ticket
from erp.tickets.services import Wish
from tests.erp.builders import NOON, Tree, a_client, a_member
from tests.erp.desk.builders import a_queue


def a_ticket(tree: Tree, subject: str, minutes: int = 0, **wish: object) -> Ticket:
    return services.open_ticket(
        tree.customer, subject=subject, body="x", at=NOON + timedelta(minutes=minutes), by="ann",
        wish=Wish(**wish),  # type: ignore[arg-type]
    )  # fmt: skip


def shown(client: object, query: str = "") -> list[str]:
    page = client.get(f"/tickets/inbox{query}")  # type: ignore[attr-defined]
    return [ticket.subject for ticket in page.context["tickets"]]


def test_what_runs_out_first_stands_first(tree: Tree) -> None:
    a_ticket(tree, "No clock, old")
    a_ticket(tree, "No clock, urgent", priority=Priority.URGENT)
    a_queue(tree.reseller)
    a_ticket(tree, "Later", 50)
    a_ticket(tree, "First")
    asked = a_ticket(tree, "Asked")
    services.reply(asked, "And?", at=NOON, by="bob", is_staff=True)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    assert shown(bob) == ["First", "Later", "No clock, urgent", "No clock, old"]
    assert shown(bob, "?turn=theirs") == ["Asked"]
    assert shown(bob, "?turn=all")[2:] == ["No clock, urgent", "No clock, old", "Asked"]
    with time_machine.travel(NOON + timedelta(minutes=70), tick=False):
        page = bob.get("/tickets/inbox")
    assert page.context["counts"] == queries.Counts(overdue=1, ours=4, nobodys=4, theirs=1)
    assert page.content.decode().count("Overdue</span>") == 1


def test_the_inbox_goes_on_page_by_page(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erp.tickets.work_views.PAGE", 2)
    a_ticket(tree, "d")
    a_ticket(tree, "e")
    a_queue(tree.reseller)
    for minutes, subject in ((3, "c"), (1, "a"), (1, "b")):
        a_ticket(tree, subject, minutes)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    seen: list[str] = []
    query = ""
    for _ in range(3):
        page = bob.get(f"/tickets/inbox{query}")
        seen += [ticket.subject for ticket in page.context["tickets"]]
        query = f"?after={page.context['next_after']}"

    assert seen == ["a", "b", "c", "d", "e"]
    assert query == "?after="
    for odd in ("x", "1_2", "9" * 18 + "_1_1", "1_1_" + "9" * 30):
        assert bob.get(f"/tickets/inbox?after={odd}").status_code == 200


def test_mine_and_nobodys_and_a_queue(tree: Tree) -> None:
    queue = a_queue(tree.reseller, is_default=False)
    user = a_member(tree.reseller, Role.SUPPORT)
    mine = a_ticket(tree, "Mine")
    a_ticket(tree, "Queued", queue=queue)
    working.take(mine, user, at=NOON)
    bob = a_client(user)

    assert shown(bob, "?whose=mine") == ["Mine"]
    assert shown(bob, "?whose=nobodys") == ["Queued"]
    assert shown(bob, f"?queue={queue.reference}") == ["Queued"]


def test_each_desk_sees_what_it_answers(tree: Tree) -> None:
    a_ticket(tree, "Of the reseller's customer")
    services.open_ticket(tree.reseller, subject="Of the reseller", body="x", at=NOON, by="r")
    services.open_ticket(tree.direct, subject="Of the provider's", body="x", at=NOON, by="d")
    services.open_ticket(tree.provider, subject="Of the provider", body="x", at=NOON, by="p")

    reseller = a_client(a_member(tree.reseller, Role.SUPPORT))
    provider = a_client(a_member(tree.provider, Role.SUPPORT))

    assert shown(reseller) == ["Of the reseller's customer"]
    assert shown(provider) == [
        "Of the reseller's customer", "Of the reseller", "Of the provider's", "Of the provider",
    ]  # fmt: skip


def test_more_tickets_are_no_more_queries(tree: Tree) -> None:
    queue = a_queue(tree.reseller)
    bob = a_client(a_member(tree.reseller, Role.SUPPORT))

    def count() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert bob.get("/tickets/inbox").status_code == 200
        return len(caught)

    a_ticket(tree, "one", queue=queue)
    few = count()
    for number in range(15):
        a_ticket(tree, f"more {number}", queue=queue)

    assert count() == few
