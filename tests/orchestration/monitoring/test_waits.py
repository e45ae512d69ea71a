"""A request that finds no place is told to the provider once, until it has one."""

from datetime import datetime
from typing import Any

import pytest
import time_machine

from erp.tickets.models import Message, Ticket
from erp.tickets.services import reply
from orchestration.allocation.services import place
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.monitoring.services import report_waiting
from orchestration.monitoring.tasks import sweep_waits
from tests.orchestration.builders import NOON, a_line, a_node, a_provider
from tests.orchestration.monitoring.watched import after

pytestmark = pytest.mark.django_db


def a_waiting_instance() -> Instance:
    line = a_line()
    instances.follow_contract(line.contract, at=NOON)
    return Instance.objects.get(line=line)


def sweep(at: datetime) -> None:
    with time_machine.travel(at, tick=False):
        sweep_waits()


def said() -> list[Any]:
    return list(Message.objects.order_by("pk").values_list("body", flat=True))


def test_a_wait_is_told_after_five_minutes_with_the_reasons_and_once() -> None:
    instance = a_waiting_instance()
    a_node(partitions=0)
    place(instance.pk, at=after(10))
    sweep(after(300))
    assert not Ticket.objects.exists()
    with time_machine.travel(after(300.001), tick=False):
        sweep_waits()
        sweep_waits()
    sweep(after(330))
    ticket = Ticket.objects.get()
    assert (ticket.organisation, ticket.cause) == (
        a_provider(), f"instance:{instance.reference}:waiting",
    )  # fmt: skip
    instance.refresh_from_db()
    assert said() == [
        "It waits since 2026-11-01 12:00:00 UTC.\n" + "\n".join(instance.placement_reasons)
    ]
    assert "node-1" in said()[0]


def test_a_placed_request_closes_its_ticket_once() -> None:
    instance = a_waiting_instance()
    sweep(after(301))
    a_node()
    assert place(instance.pk, at=after(400))
    sweep(after(401))
    sweep(after(431))
    assert Ticket.objects.get().state == "closed"
    assert said()[1:] == ["It has its place."]
    reply(Ticket.objects.get(), "Buy more nodes.", at=after(500), by="bob")
    sweep(after(501))
    assert Ticket.objects.get().state == "open"


def test_a_request_that_is_not_wanted_any_more_closes_its_ticket() -> None:
    instance = a_waiting_instance()
    sweep(after(301))
    instances.request_change(
        instance, state=Requested.DESTROYED, parameters={}, limits={}, at=after(310)
    )
    sweep(after(331))
    assert Ticket.objects.get().state == "closed"
    assert said()[1:] == ["It is not wanted any more."]


def test_what_is_placed_soon_enough_is_told_to_nobody() -> None:
    instance = a_waiting_instance()
    a_node()
    place(instance.pk, at=after(299))
    sweep(after(600))
    assert not Ticket.objects.exists()


def test_two_sweeps_that_found_the_same_wait_tell_it_once() -> None:
    instance = a_waiting_instance()
    report_waiting(instance.pk, at=after(301))
    report_waiting(instance.pk, at=after(301))
    assert len(said()) == 1
