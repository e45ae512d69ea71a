"""One fault at a time on real hosts: what ran goes on, the reason is said, nothing is lost."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from erp.base.doors import now
from orchestration.convergence import connections
from orchestration.convergence.models import ConvergencePass
from orchestration.convergence.tasks import converge_node
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.fleet.faults import bad_link, full_disk, set_clock
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Host
from tests.scenarios.test_fleet_nodes import (  # noqa: F401  (a fixture)
    a_slow_release,
    here,
    host,
    page,
)
from tests.scenarios.world import (
    a_service,
    assert_the_laws_hold,
    converged,
    enrolled,
    wait_for,
)

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]
BAD = Path(__file__).parents[1] / "fleet" / "releases"
DAY = 86400
SERVES = "pgrep -f source/serve.py || true"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass gives up waiting soon, and a sample covers a second."""
    monkeypatch.setattr("orchestration.convergence.services.BUDGET", 4.0)
    monkeypatch.setattr("orchestration.convergence.documents.METERING_SECONDS", 1)


def assert_samples_are_complete() -> None:
    stored = list(Sample.objects.order_by("sequence").values_list("sequence", flat=True))
    assert stored == list(range(1, len(stored) + 1))
    assert stored


def events_of(host: Host, node: ComputeNode) -> list[tuple[str, str]]:  # noqa: F811
    """Return (kind, message) of what the agent says that happened by itself."""
    from orchestration.convergence.conversation import poll

    fence = NodeLease.objects.get(node=node).fence
    fresh = ComputeNode.objects.get(pk=node.pk)
    fresh.report_hash = ""
    report = poll(connections.session_of(fresh), fresh, fence=fence, archive=bytes)  # type: ignore[arg-type]
    assert report is not None
    return [(one["kind"], one["message"]) for one in report["events"]]


def answers(instance: Instance) -> bool:
    """Return whether the page is there; one that is just starting is not."""
    try:
        return "</h1>" in page(instance)
    except OSError:
        return False


def becomes(instance: Instance, node: ComputeNode, state: str, *, seconds: float = 40) -> None:
    def is_so() -> bool:
        converged(node)
        instance.refresh_from_db()
        return instance.state == state

    wait_for(is_so, seconds=seconds)


def test_a_slow_and_lossy_line_only_takes_longer(host: Host) -> None:  # noqa: F811
    node = enrolled(host)
    with bad_link(host):
        instance = a_service("Far away")
        becomes(instance, node, "started")
        known = Sample.objects.count()
        wait_for(lambda: bool(converged(node)) and Sample.objects.count() > known)
        assert "<h1>Far away</h1>" in page(instance)
    node.refresh_from_db()
    assert (node.state, node.failures) == ("ready", 0)
    assert_samples_are_complete()
    assert_the_laws_hold()


def test_a_full_disk_stops_nothing_that_ran_and_is_mended_by_room(host: Host) -> None:  # noqa: F811
    node = enrolled(host)
    neighbour = a_service("Neighbour")
    becomes(neighbour, node, "started")
    with full_disk(host):
        first = host.run(SERVES).strip()
        host.run(f"kill -9 {first}")
        wait_for(lambda: host.run(SERVES).strip() not in {"", first})
        wait_for(lambda: answers(neighbour))
        instance = a_service("Late")
        converged(node)
        node.refresh_from_db()
        assert "the node cannot keep what it is given" in node.last_error
        assert "No space left on device" in node.last_error
        assert "<h1>Neighbour</h1>" in page(neighbour)
    becomes(instance, node, "started")
    assert "<h1>Late</h1>" in page(instance)
    node.refresh_from_db()
    assert (node.state, node.last_error) == ("ready", "")
    known = Sample.objects.count()
    wait_for(lambda: bool(converged(node)) and Sample.objects.count() > known)
    assert_samples_are_complete()
    assert_the_laws_hold()


@pytest.mark.parametrize("wrong_by", [DAY, -DAY])
def test_a_clock_that_is_a_day_wrong_moves_no_sample(host: Host, wrong_by: int) -> None:  # noqa: F811
    began = now()
    set_clock(host, wrong_by=wrong_by)
    node = enrolled(host)
    instance = a_service()
    becomes(instance, node, "started")
    wait_for(lambda: bool(converged(node)) and Sample.objects.count() >= 6)
    assert "clock" in {kind for kind, _ in events_of(host, node)}
    set_clock(host, wrong_by=0)
    known = Sample.objects.count()
    wait_for(lambda: bool(converged(node)) and Sample.objects.count() >= known + 6)
    spans = Sample.objects.values_list("starts_at", "ends_at")
    little = timedelta(seconds=5)
    assert all(began - little < start < end < now() + little for start, end in spans)
    assert_samples_are_complete()
    assert_the_laws_hold()


def test_an_agent_killed_in_the_middle_of_a_build_begins_it_again(
    host: Host,  # noqa: F811
    tmp_path: Path,
) -> None:
    node = enrolled(host)
    build = 'commands = [["sh", "-c", "setsid sleep 1234 & sleep 4; echo built"]]'
    instance = a_service(directory=a_slow_release(tmp_path, build))
    becomes(instance, node, "building")
    host.run("kill -9 $(cat /srv/tenantry/run/agent.lock)")
    becomes(instance, node, "started")
    assert "<h1>Hello</h1>" in page(instance)
    assert host.run("pgrep -f 'sleep 1234' || true") == ""
    assert len(host.run(SERVES).split()) == 1
    assert_the_laws_hold()


@contextlib.contextmanager
def workers(queue: str, count: int) -> Iterator[None]:
    """Run real Celery workers on this test's database."""
    command = f"celery -A config worker -Q {queue} --pool solo --without-gossip --without-mingle"
    running = [
        subprocess.Popen(
            [sys.executable, "-m", *command.split(), "-n", f"{queue}-{number}"],
            env=here(),
            start_new_session=True,
        )
        for number in range(count)
    ]
    try:
        yield
    finally:
        for worker in running:
            worker.send_signal(signal.SIGTERM)
        for worker in running:
            worker.wait(20)


def test_two_workers_at_once_make_one_pass_at_a_time(host: Host) -> None:  # noqa: F811
    node = enrolled(host)
    connections.drop(node)
    instance = a_service()
    queue = connection.settings_dict["NAME"]
    fences, owners = [NodeLease.objects.get(node=node).fence], set()
    with workers(queue, 2):

        def has_been_driven_by_both() -> bool:
            converge_node.apply_async(kwargs={"node": node.pk}, queue=queue)
            lease = NodeLease.objects.get(node=node)
            fences.append(lease.fence)
            owners.add(lease.owner)
            return len(owners - {""}) == 2

        wait_for(has_been_driven_by_both)
        wait_for(lambda: Instance.objects.get(pk=instance.pk).state == "started")
    assert fences == sorted(fences), "the fence only rises"
    assert "<h1>Hello</h1>" in page(instance)
    (only,) = ConvergencePass.objects.all()
    assert (only.outcome, len(only.plan)) == ("done", 1)
    assert len(host.run(SERVES).split()) == 1
    assert_the_laws_hold()


def test_a_service_that_forks_without_end_is_contained(host: Host) -> None:  # noqa: F811
    node = enrolled(host)
    neighbour = a_service("Neighbour")
    becomes(neighbour, node, "started")
    bad = a_service("Bad", BAD / "forks", limits={"processes": 50, "cpu_millis": 200})
    wait_for(lambda: "limit" in {kind for kind, _ in events_of(host, converged(node))})
    bad.refresh_from_db()
    assert bad.state in {"starting", "failed"}
    assert int(host.run("pgrep -c -u $(stat -c %U /srv/tenantry/partitions/p1)")) <= 50
    assert "<h1>Neighbour</h1>" in page(neighbour)
    Instance.objects.filter(pk=bad.pk).update(requested_state="destroyed", generation=2)
    becomes(bad, node, "wiped")
    assert host.run("ls /srv/tenantry/partitions") == "p0\n"
    assert "<h1>Neighbour</h1>" in page(neighbour)
    assert_the_laws_hold()


def test_a_service_that_fills_the_disk_is_stopped_and_begins_again_with_room(
    host: Host,  # noqa: F811
) -> None:
    node = enrolled(host)
    neighbour = a_service("Neighbour")
    becomes(neighbour, node, "started")
    limit = 60 * 2**20
    bad = a_service("Bad", BAD / "fills", limits={"disk_bytes": limit})

    def is_stopped() -> bool:
        converged(node)
        bad.refresh_from_db()
        return "its services are stopped" in bad.state_reason

    wait_for(is_stopped)
    assert bad.state == "failed"
    assert f"of {limit:,} bytes that it may" in bad.state_reason
    data = "/srv/tenantry/partitions/p1/data"
    held = int(host.run(f"du -sb {data} | cut -f1"))
    assert limit < held < 400 * 2**20
    assert host.run("pgrep -u $(stat -c %U /srv/tenantry/partitions/p1) || true") == ""
    assert "<h1>Neighbour</h1>" in page(neighbour)
    host.run(f"rm {data}/*")
    wait_for(lambda: int(host.run(f"ls {data} | wc -l")) > 0)
    kinds = [kind for kind, _ in events_of(host, node)]
    assert kinds.index("disk_full") < kinds.index("disk_free")
    assert_the_laws_hold()


def test_a_service_that_hangs_in_its_start_is_said_and_harms_nobody(host: Host) -> None:  # noqa: F811
    node = enrolled(host)
    neighbour = a_service("Neighbour")
    bad = a_service("Bad", BAD / "hangs")
    becomes(bad, node, "starting")
    becomes(neighbour, node, "started")
    bad.refresh_from_db()
    assert bad.state_reason.startswith("it answers: ConnectionRefusedError")
    assert "<h1>Neighbour</h1>" in page(neighbour)
    assert_the_laws_hold()
