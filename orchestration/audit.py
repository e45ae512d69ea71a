"""Conservation laws of what runs; each returns what breaks it, in words."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db import connection
from django.db.models import Count, F, Q
from django.utils import timezone

from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.nodes.models import ComputePartition, NodeLease, NodeRoom

MOST = 20
# Two sweeps of every step, and a build.
SETTLED = timedelta(minutes=15)


def instances_have_one_place() -> list[str]:
    """L8: an instance on one partition of its node; a port of an address once."""
    strays = Instance.objects.filter(partition__isnull=False).exclude(node=F("partition__node"))
    broken = [f"{one.reference} is on another node than its partition" for one in strays[:MOST]]
    rows = ComputePartition.objects.order_by("node", "port_first").values_list(
        "node", "name", "port_first", "port_count"
    )
    last_node, last_end = 0, 0
    for node, name, first, count in rows.iterator():
        if node == last_node and first < last_end:
            broken.append(f"partition {name} of node {node} shares ports with another")
        last_node, last_end = node, first + count
    return broken + _miscounted()


def _miscounted() -> list[str]:
    """Return the nodes whose room is not what their partitions say."""
    free = Count("node__partitions", filter=Q(node__partitions__instance=None))
    rooms = NodeRoom.objects.annotate(found=free).exclude(found=F("free_partitions"))
    return [f"the room of node {one.node_id} is not counted right" for one in rooms[:MOST]]


def what_runs_is_wanted() -> list[str]:
    """L9: running if and only if wanted, older than two sweeps."""
    settled = Instance.objects.filter(state_since__lt=timezone.now() - SETTLED)
    unwanted = settled.filter(
        Q(state=State.STARTED) & ~Q(requested_state=Requested.STARTED),
        observed_generation=F("generation"),
    )
    return [f"{one.reference} runs though it should be stopped" for one in unwanted[:MOST]]


def no_lease_is_stuck() -> list[str]:
    """L11: no lease is older than its bound by more than a day."""
    stuck = NodeLease.objects.filter(until__lt=timezone.now() - timedelta(days=1))
    return [f"the lease of node {one.node_id} ended long ago" for one in stuck[:MOST]]


def instances_belong_to_who_ordered_them() -> list[str]:
    """L13: an instance is of the organisation of its contract line."""
    strays = Instance.objects.exclude(organisation=F("line__organisation"))
    return [f"instance {one.reference} belongs to another organisation" for one in strays[:MOST]]


# Weeks that were dropped have their sums only: older samples cannot be more than was added up.
_SAMPLES_ARE_ADDED_UP = """
WITH kept AS (SELECT tenantry_samples_since() AS since), raw AS (
    SELECT line, meter, unit, tenantry_usage_slot('1 hour', ends_at) AS starts_at,
        sum(quantity) AS quantity, count(*) AS samples
    FROM orchestration_sample GROUP BY 1, 2, 3, 4
), hours AS (
    SELECT line, meter, unit, starts_at, quantity, samples FROM orchestration_usagesum
    WHERE hours = 1
), days AS (
    SELECT line, meter, unit, starts_at, quantity, samples FROM orchestration_usagesum
    WHERE hours = 24
), added AS (
    SELECT line, meter, unit, date_bin('1 day', starts_at, '2001-01-01 00:00:00+00') AS starts_at,
        sum(quantity) AS quantity, sum(samples) AS samples
    FROM hours GROUP BY 1, 2, 3, 4
)
SELECT 'the hour of ' || starts_at || ' of line ' || line || ' ' || meter || ' sums up to '
    || coalesce(hours.quantity, 0) || ', its samples to ' || coalesce(raw.quantity, 0)
FROM raw FULL JOIN hours USING (line, meter, unit, starts_at) CROSS JOIN kept
WHERE CASE WHEN starts_at >= since
    THEN (raw.quantity, raw.samples) IS DISTINCT FROM (hours.quantity, hours.samples)
    ELSE raw.samples > coalesce(hours.samples, 0) END
UNION ALL
SELECT 'the day of ' || starts_at || ' of line ' || line || ' ' || meter || ' sums up to '
    || coalesce(days.quantity, 0) || ', its hours to ' || coalesce(added.quantity, 0)
FROM added FULL JOIN days USING (line, meter, unit, starts_at)
WHERE (added.quantity, added.samples) IS DISTINCT FROM (days.quantity, days.samples)
LIMIT %s
"""


def samples_are_added_up() -> list[str]:
    """L4: hours are what their samples add up to, days what their hours do."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES_ARE_ADDED_UP, [MOST])
        return [str(sentence) for (sentence,) in cursor.fetchall()]


LAWS: Mapping[str, Callable[[], list[str]]] = {
    "L4 samples, hours and days are the same": samples_are_added_up,
    "L8 an instance on one partition, a port once": instances_have_one_place,
    "L9 running if and only if wanted": what_runs_is_wanted,
    "L11 no lease older than its bound": no_lease_is_stuck,
    "L13 an instance belongs to who ordered it": instances_belong_to_who_ordered_them,
}
