"""A report changes what it may speak of, in one transaction, or nothing."""

from datetime import timedelta
from typing import Any

import pytest

from erp.base.journal import history
from orchestration.convergence import intake, lease
from orchestration.convergence.observed import parse
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of
from orchestration.metering.models import Sample
from orchestration.metering.samples import BadSamples
from orchestration.nodes.models import ComputeNode, NodeLease
from orchestration.releases.models import ReleaseOnNode
from tests.orchestration.builders import NOON, a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.convergence.reports import a_partition, a_release, a_report
from tests.orchestration.metering.test_storing import a_sample

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def node() -> ComputeNode:
    one = a_node()
    NodeLease.objects.create(organisation=one.organisation, node=one)
    lease.claim(one.pk, owner="me", at=NOON)
    return one


def take(node: ComputeNode, *, fence: int = 1, **changes: Any) -> None:
    raw = a_report(node=node.reference, releases=[], **({"partitions": []} | changes))
    intake.take(node, parse(raw, node=node.reference), fence=fence, at=LATER)


def found(instance: Instance) -> Instance:
    return Instance.objects.get(pk=instance.pk)


def of(instance: Instance, **changes: Any) -> dict[str, Any]:
    return a_partition(instance_uid=instance.reference, **changes)


def test_what_was_found_is_stored_with_its_line_in_the_journal(node: ComputeNode) -> None:
    instance = an_instance_on(node)
    take(node, partitions=[of(instance)])
    now = found(instance)
    assert (now.state, now.observed_generation, now.first_started_at) == ("started", 1, LATER)
    assert connection_of(now) == {"url": "http://127.0.0.1:21000/"}
    assert "21000" not in now.connection_sealed
    assert now.promises[0]["ok"] is True
    assert history(instance).order_by("-position")[0].event == "started"
    node.refresh_from_db()
    assert (node.applied_revision, len(node.report_hash), node.facts["os"]) == ("rev", 64, "Debian")


def test_the_same_report_again_changes_nothing(node: ComputeNode) -> None:
    instance = an_instance_on(node)
    for _ in range(2):
        take(node, partitions=[of(instance)])
    assert [line.event for line in history(instance)].count("started") == 1


def test_a_report_that_brings_samples_only_costs_a_few_statements(
    node: ComputeNode, django_assert_num_queries: Any
) -> None:
    instance = an_instance_on(node)
    take(node, partitions=[of(instance)])
    # The transaction, the lease, whose samples they are, their merge and check, the position.
    with django_assert_num_queries(9):
        take(node, partitions=[of(instance)], samples=[a_sample(instance, 1)])
    node.refresh_from_db()
    assert (Sample.objects.count(), node.spool_epoch, node.spool_position) == (1, "e", 1)


def test_a_report_about_the_partitions_of_others_is_ignored(node: ComputeNode) -> None:
    elsewhere = an_instance_on(a_node("node-2"))
    mine = an_instance_on(node)
    stolen = of(elsewhere, connection={"url": "http://evil/"})
    take(node, partitions=[stolen, of(mine, name="p1")])
    assert (found(elsewhere).state, found(elsewhere).connection_sealed) == ("placed", "")
    assert found(mine).state == "placed", "it stands in p0, not in p1"


@pytest.mark.parametrize("generation", [1, 3])
def test_a_report_about_another_generation_says_nothing(node: ComputeNode, generation: int) -> None:
    instance = an_instance_on(node)
    Instance.objects.update(generation=2)
    take(node, partitions=[of(instance, generation=generation)])
    assert (found(instance).state, found(instance).observed_generation) == ("placed", 0)


def test_wiped_frees_the_partition_only_when_that_was_asked(node: ComputeNode) -> None:
    instance = an_instance_on(node)
    wiped = [of(instance, state="wiped", connection={})]
    take(node, partitions=wiped)
    assert (found(instance).state, found(instance).partition_id is None) == ("placed", False)
    Instance.objects.update(requested_state="destroyed")
    take(node, partitions=wiped, revision="asked", revision_applied="asked")
    now = found(instance)
    assert (now.state, now.partition, now.wiped_at) == ("wiped", None, LATER)
    assert now.node_id == node.pk, "late samples are still taken from there"


def test_a_failure_keeps_its_reason_and_the_end_of_the_log(node: ComputeNode) -> None:
    instance = an_instance_on(node)
    take(node, partitions=[of(instance, state="failed", reason="pip said no", log_tail="$ pip")])
    now = found(instance)
    assert (now.state, now.state_reason, now.log_tail) == ("failed", "pip said no", "$ pip")
    take(node, partitions=[of(instance, state="failed", reason="pip said never")])
    assert found(instance).state_reason == "pip said never"


def test_hostile_samples_are_refused_and_nothing_of_the_report_is_stored(
    node: ComputeNode,
) -> None:
    instance = an_instance_on(node)
    bad = [a_sample(instance, 1), a_sample(instance, 2, value="-1")]
    with pytest.raises(BadSamples):
        take(node, partitions=[of(instance)], samples=bad)
    assert (found(instance).state, Sample.objects.count()) == ("placed", 0)
    assert ComputeNode.objects.get(pk=node.pk).report_hash == ""


@pytest.mark.parametrize(
    "change",
    [
        {"seq": float("inf")},
        {"from": "9999-12-31T23:59:00+00:00", "to": "9999-12-31T23:59:59+00:00"},
        {"value": "Infinity"},
        {"value": 1e300},
    ],
)
def test_samples_beyond_all_bounds_are_refused(node: ComputeNode, change: dict[str, Any]) -> None:
    instance = an_instance_on(node)
    with pytest.raises(BadSamples):
        take(node, samples=[a_sample(instance, 1, **change)])
    assert not Sample.objects.exists()


def test_odd_texts_in_samples_are_stored_as_far_as_they_can_be(node: ComputeNode) -> None:
    take(node, samples=[a_sample(an_instance_on(node), 1, accuracy="\ud800\x00rough")])
    assert Sample.objects.get().accuracy == "?rough"


def test_a_worker_that_lost_the_node_stores_nothing(node: ComputeNode) -> None:
    instance = an_instance_on(node)
    assert lease.claim(node.pk, owner="heir", at=NOON + lease.LENGTH) == 2
    with pytest.raises(lease.LeaseLost):
        take(node, partitions=[of(instance)])
    assert found(instance).state == "placed"


def test_releases_are_written_down_as_reported_and_forgotten_when_gone(node: ComputeNode) -> None:
    uid = an_instance_on(node).release.uid
    said = [a_release(uid=uid, state="failed", reason="no disk"), a_release(uid="unknown")]
    raw = a_report(node=node.reference, partitions=[], releases=said)
    intake.take(node, parse(raw, node=node.reference), fence=1, at=LATER)
    row = ReleaseOnNode.objects.get()
    assert (row.release.uid, row.state, row.reason) == (uid, "failed", "no disk")
    take(node)
    assert not ReleaseOnNode.objects.exists()
