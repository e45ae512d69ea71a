"""What the catalogue sells really runs: each release, ordered and used on a real host."""

import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg2
import pytest

from erp.base.doors import now
from erp.contracts.models import ContractLine
from orchestration.allocation import services as allocation
from orchestration.convergence import connections
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.nodes.models import ComputeNode
from orchestration.releases.services import CATALOGUE, publish
from tests.fleet.fleet import PATH, Fleet, Host, missing
from tests.orchestration.builders import a_customer, a_line, a_provider
from tests.scenarios.world import assert_the_laws_hold, converged, enrolled

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]

DOWNLOAD = "-m pip download --quiet --no-deps --require-hashes --only-binary :all:"

EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//a test//EN
BEGIN:VEVENT
UID:meeting-1
DTSTAMP:20261101T120000Z
DTSTART:20261102T090000Z
DTEND:20261102T100000Z
SUMMARY:A meeting
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="module")
def wheels() -> Iterator[Path]:
    """What the releases install, where hosts find it: they have no way to the outside."""
    why = missing()
    if why:
        pytest.skip(f"NO FLEET: tests on real SSH hosts are left out: {why}")
    python = shutil.which("python3", path=PATH)
    # A host has a /tmp of its own; here it sees what we have.
    with tempfile.TemporaryDirectory(dir="/var/cache", prefix="tenantry-wheels-") as place:
        Path(place).chmod(0o755)
        for path in sorted(CATALOGUE.glob("*/requirements.txt")):
            done = subprocess.run(
                [f"{python}", *DOWNLOAD.split(), "--dest", place, "--requirement", str(path)],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                pytest.skip(f"NO WHEELS: the catalogue is not tried: {done.stderr[-300:]}")
        yield Path(place)


@pytest.fixture(scope="module")
def shop(wheels: Path) -> Iterator[Host]:
    with Fleet(1, wheels=wheels) as running:
        yield running.hosts[0]


@pytest.fixture
def host(shop: Host) -> Iterator[Host]:
    """A host as it came from the factory; connections to it are closed afterwards."""
    yield shop
    for _, link, _ in list(connections._open.values()):
        link.close()
    connections._open.clear()
    shop.power_cut()
    shop.run_on_disk("rm -rf upper work own && mkdir upper work")
    shop.power_on()


def ordered(directory: Path, **parameters: object) -> Instance:
    """What an accepted order leaves: a contract, its instance, and a place for it."""
    release = publish(directory, owner=a_provider(), at=now(), by="test")
    line = a_line(a_customer(release.product), parameters=parameters)
    ContractLine.objects.filter(pk=line.pk).update(product=release.product)
    instances.follow_contract(line.contract, at=now())
    instance = Instance.objects.get(line=line)
    assert allocation.place(instance.pk, at=now())
    return instance


def until(node: ComputeNode, instance: Instance, state: str) -> dict[str, str]:
    """Converge until the instance is in a state; return what it publishes."""
    end = time.monotonic() + 150
    while True:
        converged(node)
        instance.refresh_from_db()
        if (instance.state, instance.observed_generation) == (state, instance.generation):
            return instances.connection_of(instance)
        said = f"{instance.state}: {instance.state_reason}\n{instance.log_tail}"
        assert instance.state != "failed", said
        assert time.monotonic() < end, said


def ask_for(instance: Instance, state: Requested) -> None:
    instances.request_change(
        instance,
        state=state,
        parameters=instance.parameters,
        limits=instance.limits,
        at=now(),
    )


def asked(url: str, *, user: str, password: str, body: str | None = None) -> tuple[int, str]:
    """Ask with a password: GET, or PUT when there is something to bring."""
    request = Request(url, data=body.encode() if body else None, method="PUT" if body else "GET")
    request.add_header(
        "Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode()
    )
    if body:
        request.add_header("Content-Type", "text/calendar")
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, ""


def test_a_calendar_keeps_appointments_for_who_has_the_password(host: Host) -> None:
    node = enrolled(host)
    instance = ordered(CATALOGUE / "calendar", user="martin")
    found = until(node, instance, "started")
    assert found["calendar"] == found["url"] + "calendar/"
    me = {"user": "martin", "password": found["password"]}
    event = found["calendar"] + "meeting-1.ics"

    assert asked(event, **me) == (404, "")
    assert asked(event, **me, body=EVENT)[0] == 201
    status, text = asked(event, **me)
    assert (status, "SUMMARY:A meeting" in text) == (200, True)
    assert asked(event, user="martin", password="wrong") == (401, "")
    assert asked(event, user="someone", password=found["password"]) == (401, "")
    with pytest.raises(HTTPError) as refusal:
        urlopen(event, timeout=10)
    assert refusal.value.code == 401

    ask_for(instance, Requested.STOPPED)
    until(node, instance, "stopped")
    ask_for(instance, Requested.STARTED)
    until(node, instance, "started")
    assert "SUMMARY:A meeting" in asked(event, **me)[1]
    assert host.run("stat -c %a /srv/tenantry/partitions/*/users").strip() == "600"
    assert_the_laws_hold()


def query(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements in one transaction and return the rows of the last."""
    session = psycopg2.connect(url, connect_timeout=5)
    try:
        with session, session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        session.close()


def wait_for(look: Callable[[], bool], *, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def test_a_database_keeps_its_rows_through_restarts_and_opens_to_its_password_only(
    host: Host,
) -> None:
    node = enrolled(host)
    instance = ordered(CATALOGUE / "postgresql", user="shop", database="sales")
    url = until(node, instance, "started")["url"]
    made = ["CREATE TABLE sold (what text)", "INSERT INTO sold VALUES ('ééé')"]
    assert query(url, *made, "SELECT what, current_user, current_database() FROM sold") == [
        ("ééé", "shop", "sales")
    ]
    assert query(url, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'shop'") == [
        (False, False)
    ]

    for user, password in (("shop", "wrong"), ("postgres", ""), ("postgres", "wrong")):
        with pytest.raises(psycopg2.OperationalError, match=r"authentication failed|rejects"):
            psycopg2.connect(url, user=user, password=password or None, connect_timeout=5)

    ask_for(instance, Requested.STOPPED)
    until(node, instance, "stopped")
    assert host.run("pgrep -x postgres || true") == ""
    ask_for(instance, Requested.STARTED)
    until(node, instance, "started")
    assert query(url, "SELECT what FROM sold") == [("ééé",)]

    first = host.run("pgrep -o -x postgres")
    host.run(f"kill -9 {first}")
    wait_for(lambda: host.run("pgrep -o -x postgres || true") not in {"", first})
    until(node, instance, "started")
    wait_for(lambda: answers(url))
    assert query(url, "SELECT what FROM sold") == [("ééé",)]
    assert_the_laws_hold()


def answers(url: str) -> bool:
    """Say whether the database lets us in: after a kill it recovers first."""
    try:
        return query(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False


def test_a_storage_keeps_files_for_who_has_the_password(host: Host) -> None:
    node = enrolled(host)
    instance = ordered(CATALOGUE / "webdav", user="martin")
    found = until(node, instance, "started")
    me = {"user": "martin", "password": found["password"]}
    assert asked(found["url"] + "note.txt", **me, body="kept")[0] == 201
    assert asked(found["url"] + "note.txt", **me) == (200, "kept")
    assert asked(found["url"] + "note.txt", user="martin", password="wrong") == (401, "")
    assert_the_laws_hold()


def seen(host: Host, authority: str, port: str, domain: str) -> str:
    """Ask a site as a visitor does who trusts this authority alone."""
    context = ssl.create_default_context(cadata=authority)
    plain = socket.create_connection((host.address, int(port)), timeout=10)
    with context.wrap_socket(plain, server_hostname=domain) as link:
        link.sendall(f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: link.recv(65536), b"")).decode()


def test_a_front_end_serves_sites_with_its_own_authority(host: Host) -> None:
    node = enrolled(host)
    networks = [f"{host.address}/32"]
    instance = ordered(CATALOGUE / "http-frontend", backend_networks=networks)
    found = until(node, instance, "started")
    with urlopen(found["ca"], timeout=10) as answer:
        authority = answer.read().decode()
    host.run("mkdir -p /srv/pages && echo behind > /srv/pages/index.html")
    serve = f"python3 -m http.server 9000 --bind {host.address} --directory /srv/pages"
    host.run(f"setsid {serve} > /dev/null 2>&1 &")
    entries = [
        {
            "reference": "I-1",
            "parameters": {"domain": "a.example", "backend": f"http://{host.address}:9000"},
        },
        {
            "reference": "I-2",
            "parameters": {"domain": "b.example", "backend": "http://127.0.0.1:9000"},
        },
    ]
    place = "/srv/tenantry/partitions/p0"
    host.run(f"cat > {place}/new <<'END'\n{json.dumps(entries)}\nEND")
    host.run(f"chown --reference={place} {place}/new && mv {place}/new {place}/shared.json")
    wait_for(lambda: "I-2" in host.run(f"cat {place}/shared-status.json"))
    told = json.loads(host.run(f"cat {place}/shared-status.json"))
    assert told["I-1"] == {"ok": True, "message": ""}
    assert "127.0.0.1 is not public" in told["I-2"]["message"]

    assert "behind" in seen(host, authority, found["https_port"], "a.example")
    assert "not set up yet" in seen(host, authority, found["https_port"], "b.example")
    wait_for(lambda: host.run(f"cat {place}/data/counts/I-1.requests || true") == "1")
    owner, user = host.run(f"stat -c %U {place}; ps -o user:32= -C caddy").split()
    assert (owner, user != "root") == (user, True)

    # A kill of the program takes the engine with it; both come back with the same authority.
    host.run("pkill -9 -f source/serve.py")
    wait_for(lambda: is_seen(host, authority, found["https_port"], "a.example"))
    assert_the_laws_hold()


def is_seen(host: Host, authority: str, port: str, domain: str) -> bool:
    try:
        return "behind" in seen(host, authority, port, domain)
    except OSError:
        return False


def test_the_command_of_a_promise_runs_as_the_partitions_user(host: Host, tmp_path: Path) -> None:
    node = enrolled(host)
    copy = shutil.copytree(CATALOGUE / "static-site", tmp_path / "promising")
    toml = (copy / "software.toml").read_text().replace('"static-site"', '"promising"')
    promise = """
[[types.default.promises]]
name = "it knows who it is"
kind = "command"
command = ["sh", "-c", "id -un > data/who; id -G >> data/who; cat /etc/shadow && exit 1; true"]
"""
    (copy / "software.toml").write_text(toml + promise)
    until(node, ordered(copy, title="Hello"), "started")
    owner = host.run("stat -c '%U %g' /srv/tenantry/partitions/p0").split()
    assert owner[0] != "root"
    assert host.run("cat /srv/tenantry/partitions/p0/data/who").split() == owner
