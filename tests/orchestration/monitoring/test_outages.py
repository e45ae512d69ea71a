"""Every change of a promise is written down, with the report that shows it."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from orchestration.convergence import intake, lease
from orchestration.convergence.observed import parse
from orchestration.metering.samples import BadSamples
from orchestration.monitoring.models import Outage
from orchestration.monitoring.services import RUNS, Sighting, observe
from orchestration.nodes.models import NodeLease
from orchestration.releases.models import SoftwareRelease
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.convergence.reports import a_partition, a_report
from tests.orchestration.metering.test_storing import a_sample
from tests.orchestration.monitoring.watched import (
    ANSWERS,
    a_running_instance,
    after,
    broken,
    kept,
    see,
)

pytestmark = pytest.mark.django_db


def outages() -> list[tuple[Any, ...]]:
    return list(Outage.objects.order_by("pk").values_list("promise", "since", "until", "message"))


def test_a_failure_lasts_from_the_report_that_shows_it_to_the_one_that_shows_its_end() -> None:
    instance = a_running_instance()
    see(instance, kept(), at=after(0))
    see(instance, broken(), at=after(10))
    see(instance, broken(), at=after(20))
    assert outages() == [(ANSWERS, after(10), None, "answered 500")]
    see(instance, kept(), at=after(30))
    see(instance, kept(), at=after(40))
    assert outages() == [(ANSWERS, after(10), after(30), "answered 500")]


def test_promises_fail_each_for_itself_and_the_last_message_is_kept() -> None:
    instance = a_running_instance()
    see(instance, broken("a"), broken("b"), at=after(0))
    see(instance, kept("a"), broken("b", "timed out"), at=after(5))
    assert outages() == [
        ("a", after(0), after(5), "answered 500"),
        ("b", after(0), None, "timed out"),
    ]


def test_software_that_is_broken_without_a_failing_promise_is_an_outage_too() -> None:
    instance = a_running_instance()
    see(instance, kept(), at=after(0), state="failed", reason="OSError: disk full" + "!" * 400)
    ((name, since, until, message),) = outages()
    assert (name, since, until, message[:18], len(message)) == (
        RUNS, after(0), None, "OSError: disk full", 300,
    )  # fmt: skip
    see(instance, kept(), at=after(9), state="starting")
    assert outages()[0][2] is None, "while it starts, silence says nothing"
    see(instance, kept(), at=after(11))
    assert outages()[0][2] == after(11)


def test_a_promise_that_a_new_release_no_longer_makes_ends_when_the_service_runs() -> None:
    instance = a_running_instance()
    see(instance, broken("old"), at=after(0))
    see(instance, kept("new"), at=after(7))
    assert [row[2] for row in outages()] == [after(7)]


@pytest.mark.parametrize("state", ["stopped", "wiped"])
def test_nothing_is_promised_of_what_rests(state: str) -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    see(instance, broken(), at=after(4), state=state)
    assert outages() == [(ANSWERS, after(0), after(4), "answered 500")]


def test_a_service_that_should_be_stopped_does_not_fail() -> None:
    instance = a_running_instance(requested_state="stopped")
    see(instance, broken(), at=after(0))
    assert outages() == []


def test_a_promise_told_twice_in_one_report_fails_once() -> None:
    instance = a_running_instance()
    see(instance, kept(), broken(), broken(message="again"), kept(), at=after(0))
    assert outages() == [(ANSWERS, after(0), None, "again")]


def test_a_worker_whose_clock_is_behind_neither_ends_before_it_began_nor_overlaps() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(10))
    see(instance, kept(), at=after(8))
    assert outages() == [(ANSWERS, after(10), after(10), "answered 500")]
    see(instance, broken(), at=after(9))
    assert outages()[1] == (ANSWERS, after(10), None, "answered 500")


def test_the_database_refuses_two_outages_of_one_promise_at_a_time() -> None:
    instance = a_running_instance()
    see(instance, broken(), at=after(0))
    row = Outage.objects.get()
    for since in (after(-60), after(60)):
        row.pk, row.since = None, since
        with pytest.raises(IntegrityError, match="outage_once_at_a_time"), transaction.atomic():
            row.save(force_insert=True)


@pytest.mark.parametrize(
    ("profile", "seconds"),
    [
        ({"types": {"default": {"promises": [{"name": ANSWERS, "tolerance_seconds": 5}]}}}, 5),
        ({"types": {"default": {"promises": [{"name": ANSWERS}]}}}, 60),
        ({"types": {"other": {}}}, 60),
        ({}, 60),
    ],
)
def test_the_release_says_how_long_a_promise_may_fail(profile: Any, seconds: int) -> None:
    instance = a_running_instance()
    SoftwareRelease.objects.update(profile=profile)
    see(instance, broken(), at=after(0))
    assert Outage.objects.get().tolerance_seconds == seconds


def test_reports_in_which_nothing_changed_cost_one_statement_however_many_instances() -> None:
    node = a_node(partitions=3)
    sightings = []
    for number in range(3):
        instance = an_instance_on(node, partition=f"p{number}", state="started")
        sightings.append(Sighting(instance, "", [broken()]))
    observe(sightings, at=after(0))
    with CaptureQueriesContext(connection) as asked:
        observe(sightings, at=after(10))
    statements = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
    assert len(statements) == 1


def test_outages_stand_or_fall_with_the_report() -> None:
    node = a_node()
    instance = a_running_instance(node)
    NodeLease.objects.create(organisation=node.organisation, node=node)
    lease.claim(node.pk, owner="me", at=NOON)
    said = a_partition(
        instance_uid=instance.reference, state="failed", promises=[broken("\x00odd\ud800")]
    )
    bad = [a_sample(instance, 1, value="-1")]
    for samples in (bad, []):
        raw = a_report(node=node.reference, releases=[], partitions=[said], samples=samples)
        report = parse(raw, node=node.reference)
        if samples:
            with pytest.raises(BadSamples):
                intake.take(node, report, fence=1, at=after(5))
            assert outages() == []
        else:
            intake.take(node, report, fence=1, at=after(5))
    assert outages() == [("odd?", after(5), None, "answered 500")]


def test_a_report_about_an_older_generation_opens_nothing() -> None:
    node = a_node()
    instance = a_running_instance(node, generation=2)
    NodeLease.objects.create(organisation=node.organisation, node=node)
    lease.claim(node.pk, owner="me", at=NOON)
    said = a_partition(instance_uid=instance.reference, state="failed", promises=[broken()])
    raw = a_report(node=node.reference, releases=[], partitions=[said])
    intake.take(node, parse(raw, node=node.reference), fence=1, at=after(5))
    assert outages() == []
