"""Intake of samples by the real path, against the least that PostgreSQL could do for them."""

import io
import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from erp.base.doors import now
from orchestration.allocation import services as allocation
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.metering.services import store
from orchestration.nodes.models import ComputeNode
from tests.bench.timing import Result, compare
from tests.orchestration.builders import a_line, a_node

BATCH, INSTANCES = 5_000, 20
METERS = (("cpu_seconds", "s"), ("memory_gib_hours", "GiB.h"), ("disk_gib_hours", "GiB.h"))
_COLUMNS = (
    "organisation_id, node, epoch, sequence, instance, line, meter, unit, quantity, accuracy, "
    "starts_at, ends_at, stored_at"
)
_MERGE = (
    f"INSERT INTO orchestration_sample ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming "
    "ON CONFLICT (node, epoch, sequence, ends_at) DO NOTHING"
)


class Batches:
    """Batches of new samples of one node, each with numbers of its own."""

    def __init__(self) -> None:
        self.node: ComputeNode = a_node(partitions=INSTANCES)
        self.at: datetime = now()
        self.instances = [self._instance() for _ in range(INSTANCES)]
        self.numbers = itertools.count(1)

    def _instance(self) -> Instance:
        line = a_line()
        instances.follow_contract(line.contract, at=self.at)
        instance = Instance.objects.get(line=line)
        assert allocation.place(instance.pk, at=self.at)
        return instance

    def reported(self) -> list[dict[str, Any]]:
        """Return a batch as a node reports it."""
        return [
            {
                "seq": number,
                "instance_uid": instance.reference,
                "meter": meter,
                "unit": unit,
                "value": "0.123456789",
                "accuracy": "cgroup v2",
                "from": (self.at - timedelta(seconds=10)).isoformat(),
                "to": self.at.isoformat(),
            }
            for number, instance, (meter, unit) in self._shapes()
        ]

    def rows(self) -> list[Sample]:
        """Return a batch as rows."""
        return [
            Sample(
                organisation_id=instance.organisation_id,
                node=self.node.pk,
                epoch="bench",
                sequence=number,
                instance=instance.pk,
                line=instance.line_id,
                meter=meter,
                unit=unit,
                quantity="0.123456789",
                accuracy="cgroup v2",
                starts_at=self.at - timedelta(seconds=10),
                ends_at=self.at,
                stored_at=self.at,
            )
            for number, instance, (meter, unit) in self._shapes()
        ]

    def _shapes(self) -> Iterator[tuple[int, Instance, tuple[str, str]]]:
        for _ in range(BATCH):
            number = next(self.numbers)
            yield number, self.instances[number % INSTANCES], METERS[number % 3]


def by_copy(rows: list[Sample]) -> None:
    """Bare COPY into a temporary table and one merge: no checks at all."""
    text = io.StringIO()
    for one in rows:
        values = (getattr(one, column.strip()) for column in _COLUMNS.split(","))
        text.write("\t".join(str(value) for value in values) + "\n")
    text.seek(0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE incoming (LIKE orchestration_sample) ON COMMIT DROP")
        cursor.copy_expert(f"COPY incoming ({_COLUMNS}) FROM STDIN", text)
        cursor.execute(_MERGE)


def run() -> Iterator[Result]:
    """Compare the intake with COPY and with Django's bulk_create; repeats with COPY of repeats."""
    made = Batches()

    def ours() -> None:
        store(made.node, epoch="bench", samples=made.reported(), at=made.at)

    yield compare(
        f"intake of {BATCH} samples",
        ours,
        lambda: by_copy(made.rows()),
        peer_name="bare COPY and merge",
        aim="≥ 0.60 ×",
    )
    yield compare(
        f"intake of {BATCH} samples",
        ours,
        lambda: Sample.objects.bulk_create(made.rows(), ignore_conflicts=True),
        peer_name="bulk_create(ignore_conflicts=True)",
        aim="≥ 3 ×",
    )
