"""Windows come, are told ahead to those concerned, move within limits, and excuse what they say."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest

from erp.base.doors import now as clock
from erp.base.journal import history
from erp.base.lifecycle import move
from erp.base.periods import Period
from erp.outbox.models import Mail
from erp.ports import availability_source
from erp.tickets.models import Ticket
from orchestration.convergence.services import give_up, tell_lost, untold
from orchestration.convergence.tasks import sweep_silent
from orchestration.instances.models import Instance
from orchestration.monitoring.tasks import sweep_incidents
from orchestration.nodes.models import ComputeNode
from orchestration.windows import queries, services
from orchestration.windows.models import Occurrence
from orchestration.windows.recurrence import Rule
from orchestration.windows.services import BadWindow, IsOver, NotMovable, Scope, Terms
from orchestration.windows.tasks import sweep_windows
from tests.orchestration.builders import NOON, a_node, a_provider
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.monitoring.watched import a_running_instance, after, broken, kept, see
from tests.orchestration.windows.planned import (
    HOUR,
    LONG_BEFORE,
    a_told_time,
    a_window,
)

pytestmark = pytest.mark.django_db
DAY = Period(NOON, NOON + timedelta(days=1))


def share(instance: Instance) -> Decimal | None:
    line = instance.line_id
    return availability_source().availability(lines=[line], period=DAY)[line].share


def down_for_an_hour(instance: Instance) -> None:
    see(instance, broken(), at=NOON + 2 * HOUR)
    see(instance, kept(), at=NOON + 3 * HOUR)


def test_those_with_services_there_are_told_once_with_the_names_of_their_services() -> None:
    node, other = a_node(), a_node("other")
    mine, apart = an_instance_on(node), an_instance_on(other)
    window = a_window(Scope(node=node), NOON, notice_hours=48)
    occurrence = window.occurrences.get()

    assert list(queries.to_announce(NOON - timedelta(hours=73))) == []
    assert list(queries.to_announce(NOON - timedelta(hours=72))) == [occurrence]
    for _ in range(2):
        services.announce(occurrence.pk, at=NOON - timedelta(hours=60))

    mail = Mail.objects.get()
    assert mail.organisation == mine.organisation != apart.organisation
    assert mail.subject == "Planned work on 1 Nov 2026, 12:00 UTC: New kernel"
    assert "- My site" in mail.text
    assert [line.event for line in history(window)] == ["planned", "announced"]


def test_who_comes_later_is_told_too() -> None:
    node = a_node()
    occurrence = a_told_time(node, NOON, told_at=NOON - timedelta(hours=80))
    assert not Mail.objects.exists()
    newcomer = an_instance_on(node)
    services.announce(occurrence.pk, at=NOON - timedelta(hours=2))
    assert Mail.objects.get().organisation == newcomer.organisation


def test_the_sweep_plans_and_tells_and_twice_is_the_same() -> None:
    an_instance_on(node := a_node())
    tomorrow = clock() + timedelta(days=1)
    rule, terms = Rule(tomorrow.weekday(), 12, 0, "UTC", None, 120), Terms("Updates", 24)
    services.plan(a_provider(), Scope(node=node), rule, terms, at=NOON, by="ops")
    Occurrence.objects.all().delete()
    sweep_windows()
    sweep_windows()
    starts = list(Occurrence.objects.values_list("starts_at", flat=True))
    assert starts[0] == tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)
    assert [b - a for a, b in itertools.pairwise(starts)] == [timedelta(days=7)] * (len(starts) - 1)
    assert Occurrence.objects.exclude(announced_at=None).count() == 1
    assert Mail.objects.count() == 1


def test_what_was_told_in_time_counts_as_no_failure() -> None:
    instance = a_running_instance()
    assert instance.node
    down_for_an_hour(instance)
    assert share(instance) == Decimal(23) / Decimal(24)
    a_told_time(instance.node, NOON + 2 * HOUR, minutes=45)
    judged = availability_source().availability(lines=[instance.line_id], period=DAY)
    one = judged[instance.line_id]
    assert (one.planned_seconds, one.down_seconds) == (Decimal(2700), Decimal(900))
    assert one.measured_seconds == Decimal(86400 - 2700)


@pytest.mark.parametrize("change", ["late", "cancelled", "never told", "another node"])
def test_what_was_not_told_in_time_excuses_nothing(change: str) -> None:
    instance = a_running_instance()
    node = a_node("other") if change == "another node" else instance.node
    assert node
    down_for_an_hour(instance)
    told_at = NOON - HOUR if change == "late" else LONG_BEFORE
    occurrence = a_told_time(node, NOON + 2 * HOUR, told_at=told_at)
    if change == "cancelled":
        services.cancel(occurrence, at=NOON, by="ops", why="not needed")
    if change == "never told":
        Occurrence.objects.update(announced_at=None)
    assert share(instance) == Decimal(23) / Decimal(24)


def test_a_window_of_a_region_or_of_the_contract_excuses_too() -> None:
    for scope in ("region", "contract"):
        instance = a_running_instance(a_node(scope, region=scope))
        down_for_an_hour(instance)
        of = Scope(region=scope) if scope == "region" else Scope(contract=instance.line.contract)
        window = a_window(of, NOON + 2 * HOUR)
        services.announce(window.occurrences.get().pk, at=LONG_BEFORE)
        assert share(instance) == Decimal(1), scope


def test_nothing_is_planned_for_the_past() -> None:
    with pytest.raises(BadWindow):
        a_window(Scope(node=a_node()), NOON, at=NOON)


def test_a_failure_in_a_window_is_told_when_the_window_is_over() -> None:
    instance = a_running_instance()
    assert instance.node
    a_told_time(instance.node, clock() - timedelta(minutes=30), told_at=LONG_BEFORE)
    see(instance, broken(), at=clock() - timedelta(minutes=20))
    sweep_incidents()
    assert not Ticket.objects.exists()
    Occurrence.objects.update(ends_at=clock() - timedelta(minutes=1))
    sweep_incidents()
    assert Ticket.objects.get().subject == "My site does not keep its promises"


def away(node: ComputeNode) -> ComputeNode:
    ComputeNode.objects.filter(pk=node.pk).update(last_seen_at=NOON, failures=2)
    node.refresh_from_db()
    return node


def test_a_node_that_is_away_in_its_window_is_an_incident_only_when_it_does_not_come_back() -> None:
    node = a_node()
    a_told_time(node, NOON, minutes=60)
    give_up(away(node), why="no route", at=after(60))
    assert not Ticket.objects.exists()
    assert not untold(after(3599)).exists()

    for _ in range(2):
        tell_lost(node.pk, at=after(3601))

    ticket = Ticket.objects.get()
    assert ticket.subject == "Node node-1 cannot be reached"
    assert "maintenance window is over" in ticket.messages.get().body
    move(ticket, "closed", at=after(4000), by="ops")
    tell_lost(node.pk, at=after(5000))
    assert Ticket.objects.count() == 1


def test_the_sweep_tells_of_a_node_that_did_not_come_back_once() -> None:
    node = a_node(state="unreachable")
    ComputeNode.objects.filter(pk=node.pk).update(last_seen_at=NOON)
    for _ in range(2):
        sweep_silent()
    assert Ticket.objects.count() == 1


def test_without_a_window_a_lost_node_is_an_incident_at_once() -> None:
    give_up(away(a_node()), why="no route", at=after(60))
    assert Ticket.objects.get().messages.get().body == "no route"


def test_a_customer_moves_their_window_within_its_limits() -> None:
    instance = a_running_instance()
    window = a_window(Scope(contract=instance.line.contract), NOON, movable_hours=24)
    occurrence = window.occurrences.get()
    services.announce(occurrence.pk, at=LONG_BEFORE)
    for _ in range(2):
        services.shift(occurrence, starts_at=NOON + 24 * HOUR, at=NOON - HOUR, by="owner")
    occurrence.refresh_from_db()
    assert (occurrence.starts_at, occurrence.ends_at) == (NOON + 24 * HOUR, NOON + 25 * HOUR)
    assert occurrence.planned_at == NOON
    assert occurrence.excuses
    assert [line.event for line in history(window)] == ["planned", "announced", "moved"]
    assert Mail.objects.filter(key__contains=":moved").count() == 1

    for to in (NOON + 25 * HOUR, NOON - 25 * HOUR, NOON - 2 * HOUR):
        with pytest.raises(NotMovable):
            services.shift(occurrence, starts_at=to, at=NOON - HOUR, by="owner")
    with pytest.raises(NotMovable):
        services.shift(occurrence, starts_at=NOON, at=NOON + 24 * HOUR, by="owner")


def test_a_window_of_a_node_is_nobodys_to_move() -> None:
    window = a_window(Scope(node=a_node()), NOON, movable_hours=24)
    with pytest.raises(NotMovable, match="write a ticket"):
        services.shift(window.occurrences.get(), starts_at=NOON + HOUR, at=LONG_BEFORE, by="ops")


def test_a_time_that_is_called_off_is_told_and_one_under_way_ends() -> None:
    an_instance_on(node := a_node())
    occurrence = a_told_time(node, NOON)
    for _ in range(2):
        services.cancel(occurrence, at=NOON - HOUR, by="ops", why="not needed")
    assert Mail.objects.filter(key=f"{occurrence.reference}:cancelled").count() == 1

    other = a_told_time(node, NOON + 2 * HOUR)
    services.cancel(other, at=NOON + 2 * HOUR + timedelta(minutes=10), by="ops", why="done")
    other.refresh_from_db()
    assert other.ends_at == NOON + 2 * HOUR + timedelta(minutes=10)
    assert other.excuses
    with pytest.raises(IsOver):
        services.cancel(other, at=NOON + 4 * HOUR, by="ops", why="late")


def test_an_ended_window_comes_no_more() -> None:
    window = a_window(Scope(node=a_node()), NOON)
    for _ in range(2):
        services.end(window, at=LONG_BEFORE, by="ops", why="machine sold")
    assert window.occurrences.get().cancelled_at == LONG_BEFORE
    assert list(queries.in_force(LONG_BEFORE)) == []
