"""View as: what the customer sees, nothing that changes, a reason that it reads, and an end."""

from datetime import timedelta

import pytest
import time_machine
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config.urls import urlpatterns as ours
from erp.base.journal import JournalLine
from erp.customers.models import Member, Organisation
from erp.customers.states import Role
from erp.tickets import services
from erp.tickets.models import Message, Ticket
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list


def a_viewer(tree: Tree, why: str = "They say that the bill is wrong.") -> Client:
    client = a_client(a_member(tree.reseller, Role.SUPPORT))
    client.post(f"/organisations/{tree.customer.reference}/view-as", {"why": why})
    return client


def lines() -> list[tuple[str, str]]:
    found = JournalLine.objects.filter(event__in=["viewed_as", "view_left"]).order_by("pk")
    return [(one.event, one.why) for one in found]


def test_the_viewer_sees_the_pages_of_the_customer_alone(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    a_contract(tree.customer, plan)
    Organisation.objects.filter(pk=tree.sibling.pk).update(name="Somebody else")
    services.open_ticket(tree.sibling, subject="Of others", body="x", at=NOON, by="eve")
    client = a_viewer(tree)

    page = client.get("/services/").content.decode()
    assert "You view this as <strong>Customer</strong>" in page
    assert "Our site" in page
    assert "Of others" not in client.get("/tickets/").content.decode()
    assert client.get(f"/organisations/{tree.sibling.reference}").status_code == 404
    assert client.get("/tickets/inbox").status_code == 403
    assert lines() == [("viewed_as", "They say that the bill is wrong.")]
    assert JournalLine.objects.get(event="viewed_as").organisation == tree.customer


def test_the_viewer_reads_what_the_customer_reads_and_no_internal_note(tree: Tree) -> None:
    ticket = services.open_ticket(tree.customer, subject="Slow", body="x", at=NOON, by="ann")
    services.reply(ticket, "A fussy one.", at=NOON, by="bob", is_staff=True, is_internal=True)
    client = a_viewer(tree)

    page = client.get(f"/tickets/{ticket.reference}").content.decode()

    assert "A fussy one." not in page
    assert "Send</button>" not in page


def test_nothing_is_changed_by_a_viewer(tree: Tree) -> None:
    ticket = services.open_ticket(tree.customer, subject="Slow", body="x", at=NOON, by="ann")
    client = a_viewer(tree)
    said = {"key": "K-0000000A", "body": "Sly"}

    answer = client.post(f"/tickets/{ticket.reference}/reply", said)

    assert answer.status_code == 403
    assert "You are only viewing" in answer.content.decode()
    for method in (client.put, client.patch, client.delete):
        assert method("/api/v1/tickets/").status_code == 403
    assert client.post("/api/v1/tickets/", {}, content_type="application/json").status_code == 403
    assert (Message.objects.count(), Ticket.objects.get().state) == (1, "open")


def writes(request: HttpRequest) -> HttpResponse:
    Member.objects.update(role=Role.OWNER)
    return HttpResponse("done")


urlpatterns = [path("writes-on-get", writes, name="writes"), *ours]


@pytest.mark.urls("tests.erp.customers.test_view_as")
def test_even_a_page_that_writes_when_it_is_read_writes_nothing(tree: Tree) -> None:
    client = a_viewer(tree)

    answer = client.get("/writes-on-get")

    assert answer.status_code == 403
    assert "You are only viewing" in answer.content.decode()
    assert set(Member.objects.values_list("role", flat=True)) == {Role.SUPPORT}
    assert client.get("/services/").status_code == 200
    client.post("/organisations/leave-view")
    assert client.get("/writes-on-get").content == b"done"


def test_leaving_is_written_down_and_the_own_pages_come_back(tree: Tree) -> None:
    client = a_viewer(tree)

    answer = client.post("/organisations/leave-view")

    assert answer.headers["Location"] == f"/organisations/{tree.customer.reference}"
    assert client.get("/tickets/inbox").status_code == 200
    assert [event for event, _ in lines()] == ["viewed_as", "view_left"]
    assert client.post("/organisations/leave-view").headers["Location"] == "/"


def test_it_ends_by_itself(tree: Tree) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        client = a_viewer(tree)
        clock.shift(timedelta(minutes=29))
        assert "You view this as" in client.get("/tickets/").content.decode()
        clock.shift(timedelta(minutes=1))
        page = client.get("/tickets/inbox")

    assert page.status_code == 200
    assert "The view as a customer has ended" in page.content.decode()


def test_who_loses_the_right_loses_the_view(tree: Tree) -> None:
    client = a_viewer(tree)
    Member.objects.filter(role=Role.SUPPORT).delete()

    assert "Customer" not in client.get("/tickets/").content.decode()


@pytest.mark.parametrize("why", ["", "x" * 201])
def test_a_reason_is_needed(tree: Tree, why: str) -> None:
    client = a_viewer(tree, why)

    assert "You view this as" not in client.get("/tickets/").content.decode()
    assert lines() == []


def test_who_may_look_at_whom(tree: Tree) -> None:
    def asks(organisation: Organisation, role: Role, target: Organisation) -> int:
        client = a_client(a_member(organisation, role))
        answer = client.post(f"/organisations/{target.reference}/view-as", {"why": "x"})
        return answer.status_code

    assert asks(tree.provider, Role.SUPPORT, tree.customer) == 302
    assert asks(tree.provider, Role.SUPPORT, tree.reseller) == 302
    assert asks(tree.provider, Role.ACCOUNTANT, tree.customer) == 403
    assert asks(tree.provider, Role.SUPPORT, tree.provider) == 403
    assert asks(tree.reseller, Role.SUPPORT, tree.reseller) == 403
    assert asks(tree.reseller, Role.SUPPORT, tree.cousin) == 404
    assert asks(tree.customer, Role.OWNER, tree.customer) == 403


def test_no_page_opens_what_the_viewer_may_not_see_anyway(tree: Tree) -> None:
    """An operator sees no invoices: looking as the customer does not show them either."""
    client = a_client(a_member(tree.provider, Role.OPERATOR))
    client.post(f"/organisations/{tree.customer.reference}/view-as", {"why": "x"})

    assert client.get("/invoices/").status_code == 403
    assert client.get("/services/").status_code == 200
