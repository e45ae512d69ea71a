"""Conservation laws of what runs; each returns what breaks it, in words."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from orchestration.monitoring.models import Outage
from orchestration.nodes import states as nodes
from orchestration.nodes.models import ComputePartition, NodeLease, NodeRoom
from orchestration.nodes.queries import VISITED

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
    return broken + _miscounted() + _of_shared()


def _miscounted() -> list[str]:
    """Return the nodes whose room is not what their partitions say."""
    is_free = Q(node__partitions__instance=None, node__partitions__held_for="")
    free = Count("node__partitions", filter=is_free)
    rooms = NodeRoom.objects.annotate(found=free).exclude(found=F("free_partitions"))
    return [f"the room of node {one.node_id} is not counted right" for one in rooms[:MOST]]


def _of_shared() -> list[str]:
    """A shared instance stands on one of its own organisation or of one above it, on its node."""
    placed = Instance.objects.filter(host__isnull=False)
    strays = placed.exclude(organisation__path__startswith=F("host__organisation__path"))
    apart = placed.exclude(node=F("host__node"))
    broken = [f"{one.reference} stands on an instance of a stranger" for one in strays[:MOST]]
    return broken + [f"{one.reference} is on another node than its host" for one in apart[:MOST]]


def what_runs_is_wanted() -> list[str]:
    """L9: running if and only if wanted, older than two sweeps."""
    settled = Instance.objects.filter(state_since__lt=timezone.now() - SETTLED)
    unwanted = settled.filter(
        Q(state=State.STARTED) & ~Q(requested_state=Requested.STARTED),
        observed_generation=F("generation"),
    )
    broken = [f"{one.reference} runs though it should be stopped" for one in unwanted[:MOST]]
    told = Outage.objects.filter(instance=OuterRef("pk"), until=None)
    silent = settled.filter(
        ~Exists(told),
        requested_state=Requested.STARTED,
        state__in=[State.PLACED, State.BUILDING, State.STARTING, State.FAILED, State.STOPPED],
        node__state__in=set(VISITED) - {nodes.State.UNREACHABLE},
    )
    return broken + [
        f"{one.reference} is {one.state} though it should run, and nobody is told"
        for one in silent[:MOST]
    ]


def no_lease_is_stuck() -> list[str]:
    """L11: no lease is older than its bound by more than a day."""
    stuck = NodeLease.objects.filter(until__lt=timezone.now() - timedelta(days=1))
    return [f"the lease of node {one.node_id} ended long ago" for one in stuck[:MOST]]


def instances_belong_to_who_ordered_them() -> list[str]:
    """L13: an instance is of the organisation of its contract line."""
    strays = Instance.objects.exclude(organisation=F("line__organisation"))
    broken = [f"instance {one.reference} belongs to another organisation" for one in strays[:MOST]]
    children = Instance.objects.filter(parent__isnull=False).exclude(line=F("parent__line"))
    return broken + [
        f"{one.reference} is of another line than its parent" for one in children[:MOST]
    ]


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
