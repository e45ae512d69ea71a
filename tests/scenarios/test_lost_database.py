"""A node is lost while its PostgreSQL takes rows: what was saved is there, in order, elsewhere."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from erp.base.doors import now
from orchestration.backup import relocations, services, takeovers
from orchestration.backup.models import Relocation, Snapshot
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.services import CATALOGUE
from tests.fleet.fleet import Fleet
from tests.scenarios.saving import (
    a_counter,
    host_of,
    is_started,
    nodes_of,
    saved,
    three_hosts,
    turn_until,
)
from tests.scenarios.world import assert_the_laws_hold

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def machines(wheels: Path) -> Iterator[Fleet]:
    yield from three_hosts(wheels)


@pytest.fixture
def nodes(machines: Fleet) -> Iterator[list[ComputeNode]]:
    yield from nodes_of(machines)


def url_of(instance: Instance) -> str:
    instance.refresh_from_db()
    return instances.connection_of(instance)["url"]


class Writer(threading.Thread):
    """Writes the next number into a table, each in a transaction of its own, until it cannot."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.url, self.acknowledged = url, 0

    def run(self) -> None:
        session = psycopg2.connect(self.url, connect_timeout=5)
        session.autocommit = True
        try:
            with session.cursor() as cursor:
                cursor.execute("CREATE TABLE IF NOT EXISTS written (number int PRIMARY KEY)")
                while True:
                    cursor.execute("INSERT INTO written VALUES (%s)", [self.acknowledged + 1])
                    self.acknowledged += 1
        except psycopg2.Error:
            return


def numbers(url: str) -> list[int]:
    session = psycopg2.connect(url, connect_timeout=5)
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT number FROM written ORDER BY number")
            return [number for (number,) in cursor.fetchall()]
    finally:
        session.close()


def test_a_database_comes_back_elsewhere_and_moves_without_losing_a_row(
    machines: Fleet, nodes: list[ComputeNode]
) -> None:
    instance = a_counter(CATALOGUE / "postgresql")
    turn_until(lambda: is_started(instance), seconds=200)
    first = Writer(url_of(instance))
    first.start()
    turn_until(lambda: saved(instance))
    before = first.acknowledged
    number = services.snapshot_now(instance, at=now(), by="test", why="under load")
    turn_until(lambda: Snapshot.objects.filter(number=number).exists())
    lost = instance.node
    assert lost is not None
    host_of(machines, lost).power_cut()
    first.join(30)

    def is_lost() -> bool:
        lost.refresh_from_db()
        return takeovers.is_lost(lost)

    turn_until(is_lost)
    assert takeovers.declare(lost, at=now(), by="test")
    turn_until(lambda: Relocation.objects.filter(state="done").exists(), seconds=200)
    found = numbers(url_of(instance))
    # Each row that was there before the snapshot was asked for, none without those before it.
    assert found == list(range(1, len(found) + 1))
    assert before <= len(found) <= first.acknowledged

    # A move of a running database loses nothing that was acknowledged.
    row = relocations.ask_move(instance, at=now(), by="test")
    second = Writer(url_of(instance))
    second.acknowledged = len(found)
    second.start()
    host_of(machines, lost).power_on()
    ComputeNode.objects.filter(pk=lost.pk).update(next_attempt_at=now())
    turn_until(lambda: Relocation.objects.get(pk=row.pk).state == "done", seconds=200)
    second.join(30)
    after = numbers(url_of(instance))
    assert after == list(range(1, len(after) + 1))
    assert len(after) >= second.acknowledged > len(found)
    assert_the_laws_hold()
