"""Tickets: whose turn it is, one per key, one open per cause."""

import pytest
from django.db import DatabaseError, transaction

from erp.base.journal import JournalLine
from erp.tickets import services
from erp.tickets.models import Message, Ticket
from erp.tickets.states import State
from tests.erp.builders import NOON, Tree, a_contract, a_plan, a_price_list

WORDS = {"subject": "It is slow", "body": "Since noon.", "at": NOON, "by": "alice"}


def a_ticket(tree: Tree, **facts: object) -> Ticket:
    return services.open_ticket(tree.customer, **(WORDS | facts))  # type: ignore[arg-type]


def test_an_answer_hands_the_turn_over_and_back(tree: Tree) -> None:
    ticket = a_ticket(tree)

    services.reply(ticket, "Which page?", at=NOON, by="bob", is_staff=True)
    assert ticket.state == State.WAITING

    services.reply(ticket, "All of them.", at=NOON, by="alice")
    assert ticket.state == State.OPEN
    assert [one.body for one in ticket.messages.all()] == [
        "Since noon.", "Which page?", "All of them.",
    ]  # fmt: skip


def test_an_internal_note_changes_nobodys_turn(tree: Tree) -> None:
    ticket = a_ticket(tree)

    services.reply(ticket, "Their disk.", at=NOON, by="bob", is_staff=True, is_internal=True)

    assert ticket.state == State.OPEN


def test_a_message_opens_a_closed_ticket_again(tree: Tree) -> None:
    ticket = a_ticket(tree)
    services.close(ticket, at=NOON, by="bob", why="solved")

    services.reply(ticket, "It is back.", at=NOON, by="alice")

    assert Ticket.objects.get().state == State.OPEN


def test_staff_may_add_to_a_closed_ticket(tree: Tree) -> None:
    ticket = a_ticket(tree)
    services.close(ticket, at=NOON, by="bob", why="solved")

    services.reply(ticket, "One more thing.", at=NOON, by="bob", is_staff=True)

    assert Ticket.objects.get().state == State.WAITING


def test_the_same_key_is_the_same_ticket(tree: Tree) -> None:
    first, second = a_ticket(tree, key="K-1"), a_ticket(tree, key="K-1")

    assert first == second
    assert (Ticket.objects.count(), Message.objects.count()) == (1, 1)
    assert JournalLine.objects.filter(event="opened").count() == 1


def test_a_key_with_other_words_is_refused(tree: Tree) -> None:
    a_ticket(tree, key="K-1")

    with pytest.raises(services.KeyReused):
        a_ticket(tree, key="K-1", body="Something else.")

    assert Ticket.objects.count() == 1


def test_two_organisations_may_use_the_same_key(tree: Tree) -> None:
    a_ticket(tree, key="K-1")
    services.open_ticket(tree.sibling, **WORDS, key="K-1")  # type: ignore[arg-type]

    assert Ticket.objects.count() == 2


def test_the_same_key_is_the_same_message(tree: Tree) -> None:
    ticket = a_ticket(tree)
    facts = {"at": NOON, "by": "bob", "is_staff": True, "key": "K-2"}
    first = services.reply(ticket, "Which page?", **facts)  # type: ignore[arg-type]

    assert services.reply(ticket, "Which page?", **facts) == first  # type: ignore[arg-type]
    with pytest.raises(services.KeyReused):
        services.reply(ticket, "Which one?", **facts)  # type: ignore[arg-type]
    assert ticket.messages.count() == 2


@pytest.mark.parametrize("body", ["", " \n "])
def test_a_message_without_words_is_refused(tree: Tree, body: str) -> None:
    with pytest.raises(services.EmptyMessage):
        a_ticket(tree, body=body)

    assert not Ticket.objects.exists()


def test_a_ticket_is_about_ones_own_service(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.sibling, plan)

    with pytest.raises(services.NotTheirService):
        a_ticket(tree, contract=contract)

    assert not Ticket.objects.exists()


def test_a_cause_has_one_open_ticket(tree: Tree) -> None:
    facts = {
        "organisation": tree.provider,
        "subject": "node-1 is silent",
        "at": NOON,
        "by": "sweep",
    }
    first = services.report_cause("node:1", body="No answer.", **facts)  # type: ignore[arg-type]
    again = services.report_cause("node:1", body="Still none.", **facts)  # type: ignore[arg-type]

    assert first == again
    assert [one.body for one in first.messages.all()] == ["No answer.", "Still none."]

    services.resolve_cause("node:1", body="It answers.", at=NOON, by="sweep")
    services.resolve_cause("node:1", body="It answers.", at=NOON, by="sweep")
    assert Ticket.objects.get().state == State.CLOSED
    assert first.messages.count() == 3


def test_a_closed_incident_stays_closed_while_its_cause_is_open_elsewhere(tree: Tree) -> None:
    facts = {
        "organisation": tree.provider,
        "subject": "node-1 is silent",
        "at": NOON,
        "by": "sweep",
    }
    old = services.report_cause("node:1", body="No answer.", **facts)  # type: ignore[arg-type]
    services.close(old, at=NOON, by="bob")
    new = services.report_cause("node:1", body="Again.", **facts)  # type: ignore[arg-type]

    with pytest.raises(services.ContinuedElsewhere, match=new.reference):
        services.reply(old, "And now?", at=NOON, by="bob")

    assert old.messages.count() == 1


def test_messages_are_never_changed(tree: Tree) -> None:
    a_ticket(tree)

    with pytest.raises(DatabaseError), transaction.atomic():
        Message.objects.update(body="I never said that.")
