"""How available a service was: by arithmetic, and from what is stored."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from erp.base import scope
from erp.base.lifecycle import move
from erp.base.periods import Period, merged
from erp.contracts.models import Contract
from erp.ports import Availability, Failing, availability_source
from orchestration.convergence.carrier import NodeUnreachable
from orchestration.convergence.services import _failed, _seen
from orchestration.instances.models import Instance
from orchestration.monitoring.availability import judge, seconds, times_in, without
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import PATIENCE
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.monitoring.watched import a_running_instance, after, broken, kept, see

D = Decimal
HOUR = Period(NOON, NOON + timedelta(hours=1))


def span(start: int, end: int) -> Period:
    return Period(after(start), after(end))


def failing(*spans: Period) -> list[Failing]:
    return [Failing(one, "it answers", "no") for one in spans]


def judged(**facts: Any) -> Availability:
    whole: dict[str, Any] = {"existed": [HOUR], "stopped": [], "unseen": [], "failing": []}
    return judge(**(whole | facts))


def test_a_service_that_never_failed_was_available_all_the_time() -> None:
    one = judged()
    assert (one.share, one.measured_seconds, one.down_seconds) == (D(1), D(3600), D(0))


def test_failures_at_the_same_time_count_once() -> None:
    one = judged(failing=failing(span(0, 360), span(180, 720)))
    assert (one.down_seconds, one.share) == (D(720), D("0.8"))
    assert len(one.failing) == 2


def test_stopped_time_is_excluded_and_unseen_time_is_unknown() -> None:
    one = judged(
        stopped=[span(0, 600)],
        unseen=[span(300, 1200)],
        failing=failing(span(0, 1300)),
    )
    assert (one.stopped_seconds, one.unseen_seconds, one.measured_seconds) == (
        D(600),
        D(600),
        D(2400),
    )
    assert (one.down_seconds, one.failing) == (D(100), failing(span(1200, 1300)))


def test_where_nothing_was_measured_there_is_no_share() -> None:
    assert judged(existed=[]).share is None
    assert judged(unseen=[HOUR], failing=failing(HOUR)).share is None
    assert judged(stopped=[HOUR]).share is None


def test_before_its_first_start_and_after_its_wipe_nothing_counts() -> None:
    one = judged(existed=[span(100, 200)], failing=failing(span(0, 150), span(300, 400)))
    assert (one.measured_seconds, one.down_seconds) == (D(100), D(50))


SPANS = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 50)).map(lambda one: span(one[0], sum(one))),
    max_size=6,
)


@given(existed=SPANS, stopped=SPANS, unseen=SPANS, fails=SPANS)
def test_every_second_is_of_one_kind(
    existed: list[Period], stopped: list[Period], unseen: list[Period], fails: list[Period]
) -> None:
    one = judge(existed=existed, stopped=stopped, unseen=unseen, failing=failing(*fails))
    parts = one.measured_seconds + one.unseen_seconds + one.stopped_seconds
    assert parts == seconds(merged(existed))
    assert 0 <= one.down_seconds <= one.measured_seconds


@given(whole=SPANS, holes=SPANS)
def test_what_is_left_lies_outside_the_holes(whole: list[Period], holes: list[Period]) -> None:
    left = without(whole, holes)
    common = [x for part in left for hole in holes if (x := part.overlap(hole))]
    assert common == []
    assert seconds(merged([*left, *holes])) == seconds(merged([*whole, *holes]))


def test_times_in_a_state_are_told_from_the_moves_and_the_state_now() -> None:
    away = frozenset({"unreachable"})
    moves = [
        (after(600), "unreachable", "ready"),
        (after(1200), "ready", "unreachable"),
        (after(9999), "unreachable", "ready"),
    ]
    found = times_in(away, moves=moves, state="ready", period=HOUR)
    assert found == [span(0, 600), span(1200, 3600)]
    assert times_in(away, moves=[], state="unreachable", period=HOUR) == [HOUR]
    assert times_in(away, moves=[], state="ready", period=HOUR) == []


def test_moves_that_two_clocks_wrote_out_of_order_never_count_a_second_twice() -> None:
    moves = [(after(100), "ready", "unreachable"), (after(50), "unreachable", "ready")]
    assert times_in({"unreachable"}, moves=moves, state="ready", period=HOUR) == []


def of(instance: Instance, period: Period = HOUR) -> Availability:
    return availability_source().availability(lines=[instance.line_id], period=period)[
        instance.line_id
    ]


@pytest.mark.django_db
def test_the_port_answers_from_what_nodes_reported() -> None:
    instance = a_running_instance()
    see(instance, broken("a"), at=after(600))
    see(instance, kept("a"), at=after(960))
    one = of(instance)
    assert (one.share, one.down_seconds) == (D("0.9"), D(360))
    assert one.failing == [Failing(span(600, 960), "a", "answered 500")]


@pytest.mark.django_db
def test_what_still_fails_reaches_to_the_end_of_the_period_and_no_further() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(1800))
    assert of(instance).share == D("0.5")
    later = Period(HOUR.end, HOUR.end + timedelta(hours=1))
    assert of(instance, later).share == 0
    see(instance, kept(), at=after(9000))
    assert of(instance).share == D("0.5"), "a period that is over is never judged anew"


@pytest.mark.django_db
def test_a_service_that_never_started_is_absent() -> None:
    instance = a_running_instance(first_started_at=None)
    see(instance, broken(), at=after(0))
    assert availability_source().availability(lines=[instance.line_id], period=HOUR) == {}


@pytest.mark.django_db
def test_a_suspended_contract_and_a_lost_node_are_told_apart() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    contract = instance.line.contract
    move(contract, "suspended", at=after(600), by="test")
    move(contract, "active", at=after(1200), by="test")
    node = ComputeNode.objects.get()
    move(node, "unreachable", at=after(1800), by="test")
    move(node, "ready", at=after(2400), by="test")
    one = of(instance)
    assert (one.stopped_seconds, one.unseen_seconds) == (D(600), D(600))
    assert (one.measured_seconds, one.down_seconds) == (D(2400), D(2400))


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["closed", "draining"])
def test_a_node_that_vanishes_while_it_is_set_aside_is_not_seen(state: str) -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    node = ComputeNode.objects.get()
    move(node, state, at=after(60), by="test")
    lose(node, at=after(600))
    assert of(instance).unseen_seconds == 3000
    later = Period(HOUR.end, HOUR.end + timedelta(hours=1))
    assert of(instance, later).unseen_seconds == 3600
    _seen(ComputeNode.objects.get(), at=after(1800), is_settled=True)
    one = of(instance)
    assert (one.unseen_seconds, one.measured_seconds) == (D(1200), D(2400))
    _seen(ComputeNode.objects.get(), at=after(1900), is_settled=True)
    assert of(instance).unseen_seconds == 1200
    node.refresh_from_db()
    assert node.state == state


def lose(node: ComputeNode, *, at: datetime) -> None:
    for _ in range(PATIENCE + 1):
        node.refresh_from_db()
        _failed(node, NodeUnreachable("no answer"), fence=1, at=at, why="test")


@pytest.mark.django_db
def test_a_customer_may_ask_though_the_history_of_nodes_is_the_providers() -> None:
    instance = a_running_instance()
    move(ComputeNode.objects.get(), "unreachable", at=after(1800), by="test")
    with scope.organisations([instance.organisation_id]):
        assert not ComputeNode.objects.exists()
        assert of(instance).unseen_seconds == 1800


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 4])
def test_many_lines_cost_as_many_statements_as_one(count: int) -> None:
    instances = [a_running_instance(a_node(f"n{number}")) for number in range(count)]
    for instance in instances:
        see(instance, broken(), at=after(0))
    lines = [instance.line_id for instance in instances]
    with CaptureQueriesContext(connection) as asked:
        found = availability_source().availability(lines=lines, period=HOUR)
    assert len(found) == count
    assert len(asked) == 10
    assert Contract.objects.count() == count
