"""Every sample is stored once, and only from the node that may speak for it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from erp.base.periods import Period
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.metering.samples import BadSamples
from orchestration.metering.services import SampleReused, store
from orchestration.metering.source import StoredUsage
from tests.orchestration.builders import NOON, a_line, a_node

pytestmark = pytest.mark.django_db
DAY = Period(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def an_instance_on(node: Any) -> Instance:
    line = a_line()
    instances.follow_contract(line.contract, at=NOON)
    Instance.objects.update(
        state="placed", partition=node.partitions.first(), node=node, first_started_at=NOON
    )
    return Instance.objects.get(line=line)


def a_sample(instance: Instance, number: int, **changes: Any) -> dict[str, Any]:
    start: datetime = NOON + timedelta(minutes=number)
    return {
        "seq": number,
        "instance_uid": instance.reference,
        "meter": "cpu_seconds",
        "unit": "s",
        "value": "1.5",
        "from": start.isoformat(),
        "to": (start + timedelta(minutes=1)).isoformat(),
    } | changes


def test_the_same_samples_again_change_nothing() -> None:
    node = a_node()
    instance = an_instance_on(node)
    batch = [a_sample(instance, seq) for seq in (1, 2, 3)]
    later = NOON + timedelta(hours=1)
    assert store(node, epoch="e", samples=batch, at=later) == 3
    assert store(node, epoch="e", samples=batch, at=later + timedelta(hours=1)) == 3
    assert list(Sample.objects.values_list("sequence", "stored_at")) == [
        (1, later),
        (2, later),
        (3, later),
    ]


def test_another_sample_under_the_same_number_is_refused_and_named() -> None:
    node = a_node()
    instance = an_instance_on(node)
    later = NOON + timedelta(hours=1)
    store(node, epoch="e", samples=[a_sample(instance, 1)], at=later)
    with pytest.raises(SampleReused, match="Sample 1 of node-1"):
        store(
            node,
            epoch="e",
            samples=[a_sample(instance, 1, value="2"), a_sample(instance, 2)],
            at=later,
        )
    assert Sample.objects.count() == 1


def test_a_node_speaks_for_its_own_instances_only() -> None:
    instance = an_instance_on(a_node())
    other = a_node("node-2")
    later = NOON + timedelta(hours=1)
    assert store(other, epoch="e", samples=[a_sample(instance, 1)], at=later) == 1
    assert not Sample.objects.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": "NaN"}, "impossible value"),
        ({"value": "-1"}, "impossible value"),
        ({"value": "lots"}, "cannot be read"),
        ({"seq": 0}, "impossible sequence"),
        ({"to": NOON.isoformat()}, "covers no time"),
        ({"to": (NOON + timedelta(days=3)).isoformat()}, "more than a day"),
        ({"from": "2026-11-01T12:00:00"}, "no time zone"),
        ({"meter": None, "unit": None, "from": "yesterday"}, "cannot be read"),
    ],
)
def test_a_sample_that_cannot_be_right_is_refused(change: dict[str, Any], message: str) -> None:
    node = a_node()
    instance = an_instance_on(node)
    with pytest.raises(BadSamples, match=message):
        store(
            node,
            epoch="e",
            samples=[a_sample(instance, 1, **change)],
            at=NOON + timedelta(hours=1),
        )
    assert not Sample.objects.exists()


def test_a_sample_from_the_future_is_refused() -> None:
    node = a_node()
    instance = an_instance_on(node)
    with pytest.raises(BadSamples, match="in the future"):
        store(node, epoch="e", samples=[a_sample(instance, 1)], at=NOON - timedelta(hours=1))


def test_usage_sums_what_ended_in_the_period_and_was_stored_before_the_cut_off() -> None:
    node = a_node()
    instance = an_instance_on(node)
    first, second = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
    store(node, epoch="e", samples=[a_sample(instance, n) for n in (1, 2)], at=first)
    store(node, epoch="e", samples=[a_sample(instance, 3)], at=second)
    source = StoredUsage()
    (usage,) = source.usage(windows={instance.line_id: DAY}, stored_before=second)
    assert (usage.quantity, usage.samples, usage.unit) == (Decimal(3), 2, "s")
    empty = Period(DAY.end, DAY.end + timedelta(days=1))
    assert source.usage(windows={instance.line_id: empty}, stored_before=second) == []
    views = source.samples(
        line=instance.line_id, meter="cpu_seconds", period=DAY, stored_before=second, limit=1
    )
    assert [(view.key, view.node, view.instance) for view in views] == [
        ("e:2", "node-1", instance.reference)
    ]


def test_a_service_existed_from_its_first_passing_promises_to_its_wipe() -> None:
    instance = an_instance_on(a_node())
    source = StoredUsage()
    found = source.converged(windows={instance.line_id: DAY})
    assert found == {instance.line_id: [Period(NOON, DAY.end)]}
    Instance.objects.update(state="wiped", partition=None, wiped_at=NOON + timedelta(hours=2))
    found = source.converged(windows={instance.line_id: DAY})
    assert found == {instance.line_id: [Period(NOON, NOON + timedelta(hours=2))]}


def test_a_time_zone_that_the_database_does_not_know_is_none_to_fear() -> None:
    node = a_node()
    instance = an_instance_on(node)
    far = {"from": "2026-01-01T12:00:00+23:59", "to": "2026-01-01T12:00:01+23:59"}
    assert store(node, epoch="e", samples=[a_sample(instance, 1, **far)], at=NOON) == 1
    assert Sample.objects.get().ends_at.isoformat() == "2025-12-31T12:01:01+00:00"
    never = {"from": "0001-01-01T00:00:00+14:00", "to": "0001-01-01T00:00:01+14:00"}
    with pytest.raises(BadSamples, match="cannot be read"):
        store(node, epoch="e", samples=[a_sample(instance, 2, **never)], at=NOON)
