"""Nodes on real OpenSSH hosts: enrolment, convergence, and what happens to machines."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from django.conf import LazySettings
from django.db import connection

from erp.base.doors import now
from erp.tickets.models import Ticket
from orchestration.convergence import connections, enrolment, intake, services
from orchestration.convergence.lease import LENGTH
from orchestration.convergence.ssh import new_key
from orchestration.convergence.tasks import converge_node
from orchestration.instances.models import Instance
from orchestration.instances.services import connection_of
from orchestration.metering.models import Sample
from orchestration.nodes.models import ComputeNode, NodeLease
from orchestration.nodes.services import try_again
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Fleet, Host
from tests.scenarios.door import CalledMaster, Master, a_master  # noqa: F401  (a fixture)
from tests.scenarios.world import (
    a_service,
    assert_the_laws_hold,
    converged,
    enrolled,
    refreshed,
    registered,
    wait_for,
)

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def host(fleet: Fleet) -> Iterator[Host]:  # noqa: F811
    """A host as it came from the factory; connections to it are closed afterwards."""
    one = fleet.hosts[0]
    yield one
    for _, link, _ in list(connections._open.values()):
        link.close()
    connections._open.clear()
    one.power_cut()
    one.run_on_disk("rm -rf upper work own && mkdir upper work")
    one.power_on()


def page(instance: Instance) -> str:
    instance.refresh_from_db()
    with urlopen(connection_of(instance)["url"], timeout=5) as answer:
        return str(answer.read().decode())


def greets(instance: Instance) -> bool:
    """Say whether the page is there: a process that began does not listen yet."""
    try:
        return "<h1>Hello</h1>" in page(instance)
    except OSError:
        return False


def test_a_machine_is_enrolled_by_password_and_then_by_its_own_key_only(host: Host) -> None:
    node = enrolled(host)
    assert (node.credential_sealed, node.credential_kind) == ("", "")
    assert node.is_privileged
    assert {step.state for step in node.steps.all()} == {"done"}
    assert node.partitions.count() == 3
    keys = host.run("cat ~/.ssh/authorized_keys")
    assert keys.startswith('restrict,command="')
    assert "agent.zip session" in keys
    assert not enrolment.enrol(node.pk, clock=now)
    assert_the_laws_hold()


def test_a_one_time_key_is_taken_off_the_machine(host: Host) -> None:
    private, public = new_key()
    host.run(f"mkdir -m 700 -p ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys")
    node = registered(host, password="", private_key=private)
    enrolment.enrol(node.pk, clock=now)
    node.refresh_from_db()
    assert node.state == "ready", [(s.name, s.message) for s in node.steps.all()]
    assert public.split()[1] not in host.run("cat ~/.ssh/authorized_keys")


def test_a_wrong_password_is_said_and_can_be_mended(host: Host) -> None:
    node = registered(host, password="not-this")
    enrolment.enrol(node.pk, clock=now)
    failed = node.steps.get(state="failed")
    assert failed.name == "Sign in"
    assert "refuses user root with this password" in failed.message
    try_again(node, at=now(), by="test", password=host.password)
    enrolment.enrol(node.pk, clock=now)
    node.refresh_from_db()
    assert node.state == "ready"


def test_an_unknown_host_key_is_shown_and_waits(host: Host) -> None:
    node = registered(host, host_key="")
    enrolment.enrol(node.pk, clock=now)
    failed = node.steps.get(state="failed")
    assert failed.name == "Check the host key"
    assert "SHA256:" in failed.message
    assert not host.run("ls /srv")


def test_an_address_that_does_not_answer_is_said(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.convergence.ssh.CONNECT_SECONDS", 1.0)
    host.cut()
    node = registered(host, host_key="")
    enrolment.enrol(node.pk, clock=now)
    assert "does not answer" in node.steps.get(state="failed").message
    host.heal()
    try_again(node, at=now(), by="test")
    enrolment.enrol(node.pk, clock=now)
    assert node.steps.get(state="failed").name == "Check the host key"


def test_a_service_runs_as_asked_and_goes_without_a_trace(host: Host, master: Master) -> None:
    node = master.enrolled()
    instance = a_service("Bonjour")
    node = converged(node)
    assert "<h1>Bonjour</h1>" in page(instance)
    assert (instance.state, instance.observed_generation) == ("started", 1)
    assert node.applied_revision == node.desired_revision
    assert [str(step) for step in node.passes.get().plan] == [
        f"p0: install {instance.reference} and have it started"
    ]
    owner = host.run("stat -c %U:%a /srv/tenantry/partitions/p0").strip()
    assert owner.endswith("-p0:750")
    assert owner not in {"root:750"}
    Instance.objects.filter(pk=instance.pk).update(requested_state="destroyed", generation=2)
    converged(node)
    instance.refresh_from_db()
    assert (instance.state, instance.partition) == ("wiped", None)
    assert not host.run("ls /srv/tenantry/partitions")
    assert_the_laws_hold()


def test_another_host_key_is_refused_and_told_once(host: Host) -> None:
    node = enrolled(host)
    connections.drop(node)
    host.replace_host_key()
    converged(node)
    node.refresh_from_db()
    assert node.state == "unreachable"
    assert "another host key" in node.state_reason
    converged(node)
    incident = Ticket.objects.get()
    assert (incident.kind, incident.state) == ("incident", "open")
    assert_the_laws_hold()


def test_a_cut_in_the_middle_of_a_pass_is_healed_by_a_later_one(
    host: Host, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = master.enrolled()
    master.leaves(node)
    instance = a_service()
    monkeypatch.setattr("orchestration.convergence.ssh.ANSWER_SECONDS", 2.0)
    monkeypatch.setattr("orchestration.convergence.ssh.CONNECT_SECONDS", 2.0)
    monkeypatch.setattr("orchestration.convergence.door.ANSWER_SECONDS", 2.0)
    real = intake.take

    def cut_then_take(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)  # type: ignore[arg-type]
        monkeypatch.setattr(intake, "take", real)
        host.cut()

    monkeypatch.setattr(intake, "take", cut_then_take)
    master.returns()
    assert services.converge(node.pk, clock=now, why="test")
    wait_for(lambda: refreshed(node).failures == 1)
    master.misses(node)
    node.refresh_from_db()
    assert node.state == "unreachable"
    assert Ticket.objects.get().state == "open"
    host.heal()
    converged(node)
    node.refresh_from_db()
    assert (node.state, node.failures) == ("ready", 0)
    assert "<h1>Hello</h1>" in page(instance)
    assert Ticket.objects.get().state == "closed"
    assert_the_laws_hold()


def test_a_worker_killed_in_the_middle_of_a_pass_is_succeeded(host: Host, tmp_path: Path) -> None:
    node = enrolled(host)
    connections.drop(node)
    instance = a_service(directory=a_slow_release(tmp_path))
    # A queue of its own: other tests' tasks name rows of other databases.
    queue = connection.settings_dict["NAME"]
    command = f"celery -A config worker -Q {queue} --pool solo --without-gossip --without-mingle"
    worker = subprocess.Popen(
        [sys.executable, "-m", *command.split()], env=here(), start_new_session=True
    )
    try:
        converge_node.apply_async(kwargs={"node": node.pk}, queue=queue)

        def is_building() -> bool:
            instance.refresh_from_db()
            return instance.state == "building"

        wait_for(is_building)

        def is_held() -> bool:
            """Stop the worker in the middle of a pass; between two it goes on."""
            os.killpg(worker.pid, signal.SIGSTOP)
            if NodeLease.objects.get(node=node).until is not None:
                return True
            os.killpg(worker.pid, signal.SIGCONT)
            converge_node.apply_async(kwargs={"node": node.pk}, queue=queue)
            return False

        wait_for(is_held)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(10)
    assert not services.converge(node.pk, clock=now, why="too early: the lease stands")
    later = now() + LENGTH
    assert services.converge(node.pk, clock=lambda: later, why="the lease is over")
    assert "<h1>Hello</h1>" in page(instance)
    assert NodeLease.objects.get(node=node).until is None
    assert_the_laws_hold()


def test_a_door_killed_in_the_middle_of_a_pass_is_succeeded(
    host: Host, settings: LazySettings, tmp_path: Path
) -> None:
    """What the node that calls was doing goes on; another door finds it by the next report."""
    master = CalledMaster(host, settings)
    node = master.enrolled()
    master.leaves(node)
    instance = a_service(directory=a_slow_release(tmp_path))
    command = f"manage.py node_door --host {host.gateway} --port {master.port}"
    door = subprocess.Popen([sys.executable, *command.split()], env=here())
    try:
        wait_for(lambda: NodeLease.objects.exclude(until=None).exists())
        wait_for(lambda: state_of(instance) == "building")
    finally:
        door.kill()
        door.wait(10)
    assert NodeLease.objects.get(node=node).until
    NodeLease.objects.update(until=now())
    master.returns()
    wait_for(lambda: state_of(instance) == "started")
    assert "<h1>Hello</h1>" in page(instance)
    master.close()
    assert NodeLease.objects.get(node=node).until is None
    assert_the_laws_hold()


def state_of(instance: Instance) -> str:
    instance.refresh_from_db()
    return str(instance.state)


def here() -> dict[str, str]:
    """Return the environment of a process that works on this test's database."""
    known = connection.settings_dict
    who = quote(known["USER"]) + (f":{quote(known['PASSWORD'])}" if known["PASSWORD"] else "")
    port = f":{known['PORT']}" if known["PORT"] else ""
    where = f"{known['NAME']}?host={quote(known['HOST'], safe='')}"
    return os.environ | {"DATABASE_URL": f"postgresql://{who}@{port}/{where}"}


def a_slow_release(place: Path, build: str = 'commands = [["sleep", "4"]]') -> Path:
    """The static site, with a build that takes some seconds."""
    from orchestration.releases.services import CATALOGUE

    made = place / "slow"
    made.mkdir()
    for path in (CATALOGUE / "static-site").iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    toml = (made / "software.toml").read_text().replace('"static-site"', '"slow-site"')
    build = f"[build]\n{build}\n\n[types.default]"
    (made / "software.toml").write_text(toml.replace("[types.default]", build, 1))
    return made


def test_a_killed_service_comes_back_with_the_master_away(
    host: Host, master: Master, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what was measured meanwhile arrives afterwards, once."""
    monkeypatch.setattr("orchestration.convergence.documents.METERING_SECONDS", 1)
    node = master.enrolled()
    instance = a_service()
    node = converged(node)
    master.leaves(node)
    first = host.run("pgrep -f source/serve.py").split()
    assert len(first) == 1
    host.run(f"kill -9 {first[0]}")

    def is_back() -> bool:
        found = host.run("pgrep -f source/serve.py || true").split()
        return len(found) == 1 and found != first

    wait_for(is_back)
    spool = "/srv/tenantry/state/spool.jsonl"
    known = Sample.objects.count()
    wait_for(lambda: int(host.run(f"cat {spool} 2>&- | wc -l")) >= known + 6)
    master.returns()
    converged(node)
    stored = list(Sample.objects.order_by("sequence").values_list("sequence", flat=True))
    assert stored == list(range(1, len(stored) + 1))
    assert len(stored) >= known + 6
    converged(node)
    assert len(set(Sample.objects.values_list("epoch", "sequence"))) == Sample.objects.count()
    assert "<h1>Hello</h1>" in page(instance)
    assert_the_laws_hold()


def test_a_killed_supervisor_never_runs_a_service_twice(host: Host, master: Master) -> None:
    node = master.enrolled()
    instance = a_service()
    converged(node)
    orphan = host.run("pgrep -f source/serve.py").strip()
    host.run("pkill -9 -f supervisor.supervisord")

    def has_one_new() -> bool:
        found = host.run("pgrep -f source/serve.py || true").split()
        return len(found) == 1 and found[0] != orphan

    wait_for(has_one_new)
    wait_for(lambda: greets(instance))
    assert has_one_new()


def test_a_rebooted_machine_runs_what_it_should_again(host: Host, master: Master) -> None:
    node = master.enrolled()
    instance = a_service()
    converged(node)
    host.power_cut()
    host.power_on()
    master.boots()
    ComputeNode.objects.filter(pk=node.pk).update(next_attempt_at=now() - timedelta(seconds=1))
    converged(node)
    wait_for(lambda: bool(converged(node).applied_revision))
    assert "<h1>Hello</h1>" in page(instance)
    assert_the_laws_hold()


def test_a_build_that_hangs_is_ended_with_what_it_hid_and_its_neighbour_runs_on(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.convergence.services.BUDGET", 6.0)
    node = enrolled(host)
    neighbour = a_service("Neighbour")
    converged(node)
    hangs = 'commands = [["sh", "-c", "setsid sleep 1234 & sleep 1234"]]\nseconds = 2'
    instance = a_service(directory=a_slow_release(tmp_path, hangs))

    def has_failed() -> bool:
        converged(node)
        instance.refresh_from_db()
        return instance.state == "failed"

    wait_for(has_failed)
    assert instance.state_reason.startswith("the build took too long: sh -c")
    assert instance.log_tail.startswith("$ sh -c setsid sleep")
    assert host.run("pgrep -f 'sleep 1234' || true") == ""
    assert "<h1>Neighbour</h1>" in page(neighbour)
