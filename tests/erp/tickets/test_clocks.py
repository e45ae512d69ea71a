"""Clocks: promised by the queue, paused while the customer is asked, told of once when over."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from erp.base import scope
from erp.base.journal import JournalLine
from erp.customers.states import Role
from erp.desk.states import Priority
from erp.outbox.models import Mail
from erp.tickets import services, tasks, working
from erp.tickets.models import Ticket
from erp.tickets.services import Wish
from erp.tickets.working import Route
from tests.erp.builders import NOON, Tree, a_member
from tests.erp.desk.builders import a_calendar, a_queue

# Sunday, 1 November 2026: an office begins on Monday at 9.
MONDAY = datetime.fromisoformat("2026-11-02T09:00:00+00:00")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def a_ticket(tree: Tree, at: datetime = NOON, **wish: object) -> Ticket:
    return services.open_ticket(
        tree.customer, subject="Slow", body="Since noon.", at=at, by="ann",
        wish=Wish(**wish),  # type: ignore[arg-type]
    )  # fmt: skip


def answer(ticket: Ticket, at: datetime) -> None:
    services.reply(ticket, "Which page?", at=at, by="bob", is_staff=True)


def come_back(ticket: Ticket, at: datetime) -> None:
    services.reply(ticket, "All.", at=at, by="ann")


def test_without_a_queue_no_clock_runs(tree: Tree) -> None:
    ticket = a_ticket(tree)

    assert (ticket.queue, ticket.due_at, ticket.answer_due_at) == (None, None, None)


def test_a_customer_who_sees_no_queue_starts_its_clocks(tree: Tree) -> None:
    queue = a_queue(tree.reseller)
    with scope.organisations([tree.customer.pk]):
        made = a_ticket(tree)

    ticket = Ticket.objects.get(pk=made.pk)
    assert ticket.queue == queue
    assert (ticket.answer_due_at, ticket.resolve_due_at) == (NOON + hours(1), NOON + hours(8))
    assert ticket.due_at == NOON + hours(1)


def test_clocks_run_in_office_hours(tree: Tree) -> None:
    a_queue(tree.reseller, calendar=a_calendar(tree.reseller))

    ticket = a_ticket(tree)

    assert ticket.answer_due_at == MONDAY + hours(1)
    assert ticket.resolve_due_at == MONDAY + hours(8)


def test_the_urgent_is_promised_sooner(tree: Tree) -> None:
    a_queue(tree.reseller)

    ticket = a_ticket(tree, priority=Priority.URGENT)

    assert (ticket.due_at, ticket.resolve_due_at) == (NOON + hours(0.25), NOON + hours(2))


def test_the_customers_turn_is_not_counted(tree: Tree) -> None:
    a_queue(tree.reseller)
    ticket = a_ticket(tree)

    answer(ticket, NOON + hours(0.5))
    assert (ticket.answered_at, ticket.due_at) == (NOON + hours(0.5), None)

    come_back(ticket, NOON + hours(10.5))
    assert ticket.due_at == ticket.resolve_due_at == NOON + hours(18)
    answer(ticket, NOON + hours(11))
    come_back(ticket, NOON + hours(13))
    assert ticket.due_at == NOON + hours(20)
    assert ticket.answered_at == NOON + hours(0.5)


def test_a_pause_over_the_weekend_costs_no_working_time(tree: Tree) -> None:
    a_queue(tree.reseller, calendar=a_calendar(tree.reseller))
    friday = MONDAY + timedelta(days=4)
    ticket = a_ticket(tree, friday)

    answer(ticket, friday + hours(7))
    come_back(ticket, friday + timedelta(days=3) + hours(1))

    # An hour of Friday and an hour of Monday were the customer's.
    assert ticket.paused_seconds == 2 * 3600
    assert ticket.due_at == friday + timedelta(days=3) + hours(2)


def test_an_internal_note_stops_no_clock(tree: Tree) -> None:
    a_queue(tree.reseller)
    ticket = a_ticket(tree)

    services.reply(ticket, "Hm.", at=NOON, by="bob", is_staff=True, is_internal=True)

    assert (ticket.answered_at, ticket.due_at) == (None, NOON + hours(1))


def test_a_closed_ticket_has_no_clock_until_it_comes_back(tree: Tree) -> None:
    a_queue(tree.reseller)
    ticket = a_ticket(tree)
    services.close(ticket, at=NOON + hours(2), by="bob")
    assert Ticket.objects.get().due_at is None

    come_back(ticket, NOON + hours(5))

    assert ticket.resolve_due_at == NOON + hours(11)


def test_another_queue_and_priority_promise_anew(tree: Tree) -> None:
    a_queue(tree.reseller)
    slow = a_queue(tree.reseller, name="Second line", is_default=False, answer=120, resolve=960)
    bob = a_member(tree.reseller, Role.SUPPORT)
    ticket = a_ticket(tree)

    for _ in range(2):
        working.route(ticket, Route(slow, bob, Priority.URGENT), at=NOON, by="bob")

    found = Ticket.objects.get()
    assert (found.queue, found.assignee, found.priority) == (slow, bob, Priority.URGENT)
    assert (found.due_at, found.resolve_due_at) == (NOON + hours(0.5), NOON + hours(4))
    assert JournalLine.objects.filter(event="routed").count() == 1


def test_a_clock_that_ran_out_is_told_once_and_handed_on(tree: Tree) -> None:
    a_member(tree.reseller, Role.SUPPORT)
    second = a_queue(tree.reseller, name="Second line", is_default=False, answer=None, resolve=720)
    a_queue(tree.reseller, escalates_to=second)
    ticket = a_ticket(tree)
    Mail.objects.all().delete()

    assert not working.escalate(ticket, at=NOON + hours(0.9))
    assert working.escalate(ticket, at=NOON + hours(1))
    assert not working.escalate(ticket, at=NOON + hours(1.1))

    found = Ticket.objects.get()
    assert (found.queue, found.due_at, found.escalated_at) == (second, NOON + hours(12), None)
    mail = Mail.objects.get()
    assert mail.subject == f"[{ticket.reference}] Overdue: Slow"
    assert "Customer waits: no first answer. It was due on 1 Nov 2026, 13:00 UTC." in mail.text
    assert working.escalate(found, at=NOON + hours(12))
    assert "not resolved" in Mail.objects.order_by("-pk")[0].text


def test_only_whose_ticket_it_is_is_told(tree: Tree) -> None:
    a_queue(tree.reseller)
    bob = a_member(tree.reseller, Role.SUPPORT)
    a_member(tree.reseller, Role.RESELLER_MANAGER)
    ticket = a_ticket(tree)
    working.take(ticket, bob, at=NOON)
    Mail.objects.all().delete()

    working.escalate(ticket, at=NOON + hours(1))

    assert [mail.recipient for mail in Mail.objects.all()] == [bob.email]


def test_the_sweep_tells_of_each_clock_once(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    a_queue(tree.reseller)
    ticket, later = a_ticket(tree), a_ticket(tree, NOON + hours(1))
    monkeypatch.setattr(tasks.escalate, "delay", lambda **keys: tasks.escalate(**keys))
    with time_machine.travel(NOON + hours(1.5), tick=False):
        tasks.sweep_clocks()
        tasks.sweep_clocks()
        tasks.escalate(ticket=ticket.pk)
        tasks.escalate(ticket=later.pk)

    told = JournalLine.objects.filter(event="overdue")
    assert [one.subject_reference for one in told] == [ticket.reference]


def test_no_clock_runs_in_a_closed_ticket(tree: Tree) -> None:
    ticket = a_ticket(tree)
    services.close(ticket, at=NOON, by="bob")

    with pytest.raises(IntegrityError), transaction.atomic():
        Ticket.objects.update(due_at=NOON)
