"""What the Master measures of itself, in the text format of Prometheus.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Min

from erp.tickets.models import Ticket
from erp.tickets.states import Kind
from erp.tickets.states import State as Ticketed
from orchestration.instances import queries as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import State
from orchestration.monitoring.models import Outage
from orchestration.nodes import queries as nodes
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.states import State as NodeState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Two series per instance; a Prometheus must not drown in them.
MOST_SERIES = 10_000
RECENT = timedelta(minutes=5)
# There is no index by the time of storing: the newest rows are looked at, at most so many.
MOST_SAMPLES = 100_000

Value = tuple[Mapping[str, str], int | float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge with its series."""

    name: str
    help: str
    values: Sequence[Value] = field(default_factory=list)


def gauge(name: str, text: str, value: int | float) -> Metric:
    """Return a gauge without labels."""
    return Metric(name, text, [({}, value)])


def exposition(metrics: Iterable[Metric]) -> str:
    """Return the metrics as Prometheus reads them."""
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} gauge"
    for labels, value in metric.values:
        pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{metric.name}{{{pairs}}} {value}" if pairs else f"{metric.name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def metrics(at: datetime) -> list[Metric]:
    """Return what orchestration measures of itself; constant statements, however much there is."""
    return [
        Metric("tenantry_nodes", "Nodes by state.", _by_state(ComputeNode, NodeState.values)),
        Metric("tenantry_instances", "Instances by state.", _by_state(Instance, State.values)),
        gauge(
            "tenantry_oldest_waiting_request_age_seconds",
            "How long the oldest request has been looking for a place; 0 when none is.",
            _age(instances.waiting().aggregate(first=Min("state_since"))["first"], at),
        ),
        gauge(
            "tenantry_oldest_due_visit_age_seconds",
            "How long the node that waits longest is due for a visit; 0 when none is.",
            _age(nodes.due(at).aggregate(first=Min("next_attempt_at"))["first"], at),
        ),
        gauge("tenantry_open_incidents", "Incidents that are not closed.", _open_incidents()),
        gauge(
            "tenantry_samples_stored_last_5_minutes",
            f"Samples stored in the last five minutes, counted up to {MOST_SAMPLES}.",
            _recent_samples(at),
        ),
        gauge("tenantry_journal_bytes", "Size of the journal with its indexes.", _journal_bytes()),
        *_of_instances(),
    ]


def _by_state(model: type[ComputeNode] | type[Instance], states: Sequence[str]) -> list[Value]:
    """Return a number for every state, also those that nothing is in: an absent series is odd."""
    counted = dict(
        model._default_manager.order_by().values_list("state").annotate(count=Count("pk"))
    )
    return [({"state": state}, counted.get(state, 0)) for state in states]


def _age(since: datetime | None, at: datetime) -> float:
    return max((at - since).total_seconds(), 0.0) if since else 0.0


def _open_incidents() -> int:
    return Ticket.objects.filter(kind=Kind.INCIDENT).exclude(state=Ticketed.CLOSED).count()


def _recent_samples(at: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM orchestration_sample"
            " WHERE stored_at > %s LIMIT %s) AS newest",
            [at - RECENT, MOST_SAMPLES],
        )
        return int(cursor.fetchone()[0])


def _journal_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('erp_journalline')")
        return int(cursor.fetchone()[0])


def _of_instances() -> list[Metric]:
    """Return two series per instance, of the oldest instances when there are too many."""
    existing = Instance.objects.exclude(state=State.WIPED)
    most = MOST_SERIES // 2
    open_outages = Outage.objects.filter(until=None).order_by().values_list("instance")
    counted = dict(open_outages.annotate(count=Count("pk")))
    started: list[Value] = []
    failing: list[Value] = []
    columns = ("pk", "reference", "node__reference", "state")
    for pk, reference, node, state in existing.order_by("pk").values_list(*columns)[:most]:
        labels = {"instance": reference, "node": node or ""}
        started.append((labels, int(state == State.STARTED)))
        failing.append((labels, counted.get(pk, 0)))
    left_out = max(existing.count() - most, 0)
    return [
        Metric("tenantry_instance_started", "1 while the instance runs as it should.", started),
        Metric("tenantry_instance_promises_failing", "Promises that fail now.", failing),
        gauge(
            "tenantry_instances_left_out",
            f"Instances without series of their own: there are at most {MOST_SERIES} series.",
            left_out,
        ),
    ]
