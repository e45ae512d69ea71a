"""What the catalogue sells really runs: each release, ordered and used on a real host."""

import shutil
from base64 import b64encode
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg2
import pytest

from erp.base.doors import now
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.releases.services import CATALOGUE
from tests.fleet.fleet import Host
from tests.scenarios.shopping import ordered, until
from tests.scenarios.world import assert_the_laws_hold, enrolled, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]

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
