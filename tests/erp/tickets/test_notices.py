"""Tickets are told to the other side, incidents to the organisation, each once."""

import json
from datetime import timedelta

import pytest

from erp.base import scope
from erp.customers.models import Member
from erp.customers.states import Role
from erp.outbox import webhooks
from erp.outbox.models import Delivery, Mail
from erp.outbox.services import prefer
from erp.outbox.states import Topic
from erp.tickets import services
from erp.tickets.models import Ticket
from tests.erp.builders import NOON, Tree, a_contract, a_member, a_plan, a_price_list

CAUSE = "instance:I-1:promises"
FACTS = {"subject": "Our site does not keep its promises", "by": "monitoring"}


def report(tree: Tree, body: str, minutes: int = 0, **more: object) -> Ticket:
    at = NOON + timedelta(minutes=minutes)
    facts = FACTS | {"organisation": tree.customer, "body": body, "at": at} | more
    return services.report_cause(CAUSE, **facts)  # type: ignore[arg-type]


def resolve(minutes: int) -> None:
    at = NOON + timedelta(minutes=minutes)
    services.resolve_cause(CAUSE, body="All promises are kept again.", at=at, by="monitoring")


def told() -> list[tuple[str, str]]:
    found = Mail.objects.order_by("pk").values_list("recipient", "subject")
    return [(recipient, subject) for recipient, subject in found]


def events() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("event", flat=True))


@pytest.fixture
def listening(tree: Tree) -> None:
    chosen = ("ticket.opened", "ticket.message", "ticket.closed")
    webhooks.add(tree.customer, url="https://a.example/", events=chosen, at=NOON, by="ann")


@pytest.mark.usefixtures("listening")
def test_an_incident_is_told_when_it_opens_and_when_it_closes(tree: Tree) -> None:
    owner, technical = (a_member(tree.customer, role) for role in (Role.OWNER, Role.TECHNICAL))
    a_member(tree.customer, Role.BILLING)
    ticket = report(tree, "http: no answer.")
    report(tree, "http: still none.", 5)
    report(tree, "disk: full.", 9)

    title = f"[{ticket.reference}] Our site does not keep its promises"
    assert told() == [(owner.email, title), (technical.email, title)]
    assert events() == ["ticket.opened"]

    resolve(12)
    resolve(12)

    over = f"[{ticket.reference}] Over: Our site does not keep its promises"
    assert told()[2:] == [(owner.email, over), (technical.email, over)]
    assert events() == ["ticket.opened", "ticket.closed"]
    text = Mail.objects.order_by("-pk")[0].text
    assert "over since 1 Nov 2026, 12:12 UTC; it began on 1 Nov 2026, 12:00 UTC" in text
    for notice in ("12:00: http: no answer.", "12:05: http: still none.", "12:09: disk: full."):
        assert notice in text


@pytest.mark.usefixtures("listening")
def test_what_comes_back_is_a_new_incident_and_told_again(tree: Tree) -> None:
    first = report(tree, "a")
    resolve(1)
    second = report(tree, "b", 2)

    assert [subject[1:11] for _, subject in told()] == [
        first.reference, first.reference, second.reference,
    ]  # fmt: skip
    assert events() == ["ticket.opened", "ticket.closed", "ticket.opened"]


def test_an_incident_names_its_service(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)

    ticket = report(tree, "http: no answer.", contract=contract)

    assert ticket.contract == contract
    assert "about the service Our site." in Mail.objects.get().text


def test_who_left_the_topic_is_not_told(tree: Tree) -> None:
    owner = a_member(tree.customer, Role.OWNER)
    prefer(Member.objects.get(user=owner), Topic.INCIDENTS, is_wanted=False)

    report(tree, "http: no answer.")

    assert told() == []


def test_a_question_goes_to_who_serves_and_the_answer_to_who_asked(tree: Tree) -> None:
    ann, bob = a_member(tree.customer, Role.TECHNICAL), a_member(tree.reseller, Role.SUPPORT)
    a_member(tree.customer, Role.OWNER)
    a_member(tree.provider, Role.SUPPORT)
    ticket = services.open_ticket(
        tree.customer, subject="Slow", body="Since noon.", at=NOON, by=ann.username
    )
    title = f"[{ticket.reference}] Slow"
    assert told() == [(bob.email, title)]
    assert Mail.objects.get().organisation == tree.reseller
    assert "wrote about Customer:\n\nSince noon." in Mail.objects.get().text

    services.reply(ticket, "Which page?", at=NOON, by=bob.username, is_staff=True)
    assert told()[1:] == [(ann.email, title)]
    assert Mail.objects.order_by("-pk")[0].organisation == tree.customer

    services.reply(ticket, "All.", at=NOON, by=ann.username)
    assert told()[2:] == [(bob.email, title)]

    services.close(ticket, at=NOON, by=bob.username, why="A new disk.")
    assert told()[3:] == [(ann.email, f"[{ticket.reference}] Closed: Slow")]


def test_the_same_message_again_is_not_told_again(tree: Tree) -> None:
    facts = {"subject": "Slow", "body": "Since noon.", "at": NOON, "by": "ann", "key": "K-1"}
    ticket = services.open_ticket(tree.customer, **facts)  # type: ignore[arg-type]
    services.open_ticket(tree.customer, **facts)  # type: ignore[arg-type]
    for _ in range(2):
        services.reply(ticket, "Well?", at=NOON, by="ann", key="K-2")

    assert len(told()) == 2


@pytest.mark.usefixtures("listening")
def test_an_internal_note_is_told_to_nobody(tree: Tree) -> None:
    ticket = services.open_ticket(tree.customer, subject="Slow", body="x", at=NOON, by="ann")
    before = told()

    services.reply(ticket, "Their disk.", at=NOON, by="bob", is_staff=True, is_internal=True)

    assert told() == before
    assert events() == ["ticket.opened"]
    assert "Their disk." not in "".join(Delivery.objects.values_list("payload", flat=True))


def test_a_customer_writes_to_a_seller_that_it_does_not_see(tree: Tree) -> None:
    ann, bob = a_member(tree.customer, Role.TECHNICAL), a_member(tree.reseller, Role.SUPPORT)
    with scope.organisations([tree.customer.pk]):
        ticket = services.open_ticket(
            tree.customer, subject="Slow", body="x", at=NOON, by=ann.username
        )
        assert not Mail.objects.exists()

    assert told() == [(bob.email, f"[{ticket.reference}] Slow")]


def test_a_service_that_changes_is_told_without_its_parameters(tree: Tree) -> None:
    webhooks.add(
        tree.customer, url="https://a.example/", events=["service.changed"], at=NOON, by="ann"
    )
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)

    contract = a_contract(tree.customer, plan)

    payload = json.loads(Delivery.objects.get().payload)
    assert payload["data"] == {
        "service": contract.reference,
        "name": "Our site",
        "change": "active",
        "state": "active",
        "organisation": tree.customer.reference,
        "url": f"http://127.0.0.1:8000/services/{contract.reference}",
    }
