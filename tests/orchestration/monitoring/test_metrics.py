"""The metrics of the Master: for who has the token, bounded, and as the dashboard names them."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from erp.base.doors import now
from orchestration.instances.models import Instance
from orchestration.maintenance.models import Check
from orchestration.metering.services import store
from orchestration.monitoring import metrics
from orchestration.monitoring.metrics import Metric, exposition
from tests.orchestration.builders import a_node
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.metering.test_storing import a_sample
from tests.orchestration.monitoring.test_incidents import sweep
from tests.orchestration.monitoring.watched import a_running_instance, after, broken, see

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-token-of-some-length"
LINE = re.compile(
    r'^([a-z_0-9]+)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (-?[0-9.]+(?:e[+-]?\d+)?)$'
)


@pytest.fixture(autouse=True)
def _token(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(header: str = f"Bearer {TOKEN}") -> dict[str, float]:
    answer = Client().get("/metrics", headers={"Authorization": header})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in answer.content.decode().splitlines():
        if not line.startswith("#"):
            match = LINE.match(line)
            assert match, line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def test_without_a_token_there_is_no_such_page(settings: LazySettings) -> None:
    settings.METRICS_TOKEN = ""
    for header in ("", "Bearer ", f"Bearer {TOKEN}"):
        assert Client().get("/metrics", headers={"Authorization": header}).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"],
)
def test_another_token_is_refused(header: str) -> None:
    answer = Client().get("/metrics", headers={"Authorization": header})
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_nothing_is_written_by_a_scrape() -> None:
    answer = Client().post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 405


def test_an_empty_system_says_zero_and_not_nothing() -> None:
    found = scrape()
    assert found['tenantry_nodes{state="ready"}'] == 0
    assert found['tenantry_instances{state="failed"}'] == 0
    for name in (
        "tenantry_oldest_waiting_request_age_seconds",
        "tenantry_oldest_due_visit_age_seconds",
        "tenantry_open_incidents",
        "tenantry_samples_stored_last_5_minutes",
        "tenantry_documents_waiting",
        "tenantry_instances_left_out",
    ):
        assert found[name] == 0, name
    assert found["tenantry_journal_bytes"] > 0


def test_what_is_there_is_counted() -> None:
    node = a_node()
    instance = a_running_instance(node)
    see(instance, broken(), broken("b"), at=after(0))
    sweep(after(61))
    a_node("node-2", state="unreachable", next_attempt_at=now() - timedelta(seconds=90))
    store(node, epoch="e", samples=[a_sample(instance, 1)], at=now() - timedelta(minutes=4))
    store(node, epoch="e", samples=[a_sample(instance, 2)], at=now() - timedelta(minutes=6))
    found = scrape()
    labels = f'{{instance="{instance.reference}",node="{node.reference}"}}'
    assert found['tenantry_nodes{state="unreachable"}'] == 1
    assert found['tenantry_instances{state="failed"}'] == 1
    assert found["tenantry_open_incidents"] == 1
    assert found["tenantry_samples_stored_last_5_minutes"] == 1
    assert 90 <= found["tenantry_oldest_due_visit_age_seconds"] < 150
    assert found["tenantry_instance_started" + labels] == 0
    assert found["tenantry_instance_promises_failing" + labels] == 2


def test_a_waiting_request_has_its_age_and_no_node() -> None:
    instance = an_instance_on(a_node())
    since = now() - timedelta(seconds=200)
    Instance.objects.update(state="waiting", partition=None, node=None, state_since=since)
    found = scrape()
    assert 200 <= found["tenantry_oldest_waiting_request_age_seconds"] < 260
    labels = f'{{instance="{instance.reference}",node=""}}'
    assert found["tenantry_instance_started" + labels] == 0


def test_series_of_instances_are_bounded_and_what_is_left_out_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", 2)
    node = a_node(partitions=3)
    first, *_ = (an_instance_on(node, partition=f"p{number}") for number in range(3))
    found = scrape()
    listed = [name for name in found if name.startswith("tenantry_instance_")]
    assert len(listed) == 2
    assert all(first.reference in name for name in listed)
    assert found["tenantry_instances_left_out"] == 2


def test_odd_signs_in_labels_cannot_begin_another_line() -> None:
    text = exposition([Metric("m", "odd", [({"state": 'a"b\\c\nd 1'}, 1.5)])])
    assert text == '# HELP m odd\n# TYPE m gauge\nm{state="a\\"b\\\\c\\nd 1"} 1.5\n'


def test_the_dashboard_names_exactly_what_is_measured() -> None:
    instance = a_running_instance()
    Check.objects.create(
        organisation=instance.organisation, name="clock", verdict="ok", since=now(),
        checked_at=now(),
    )  # fmt: skip
    measured = {name.split("{")[0] for name in scrape()}
    dashboard = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"tenantry_\w+", target["expr"])
    }
    assert asked == measured
    told = set(re.findall(r"`(tenantry_\w+)`", (ROOT / "docs" / "monitoring.md").read_text()))
    assert told == measured


def test_a_large_fleet_costs_no_more_statements_than_a_small_one() -> None:
    counts = []
    for number in range(2):
        a_running_instance(a_node(f"n{number}"))
        with CaptureQueriesContext(connection) as asked:
            scrape()
        counts.append(len(asked))
    assert counts[0] == counts[1]
