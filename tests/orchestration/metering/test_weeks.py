"""Samples are kept by week: none is refused for want of one, none dropped that is not billed."""

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from config.audit import violations
from erp.base import scope
from erp.base.doors import now
from erp.base.periods import Period
from erp.ports import Looked
from orchestration.instances.models import Instance
from orchestration.instances.services import follow_contract
from orchestration.metering import queries, weeks
from orchestration.metering.models import Sample, Spool, UsageSum
from orchestration.metering.services import SampleReused, store
from orchestration.metering.source import StoredUsage
from orchestration.metering.tasks import sweep_weeks
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_line, a_node
from tests.orchestration.metering.test_storing import a_sample, an_instance_on

pytestmark = pytest.mark.django_db
LATER = timedelta(weeks=1)


class Settled:
    """Says of every line what the test wants."""

    until: datetime | None = None

    def settled(self, *, lines: Collection[int]) -> Mapping[int, datetime]:
        return {line: self.until for line in lines if self.until}


@pytest.fixture
def billed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settled]:
    source = Settled()
    monkeypatch.setattr("orchestration.metering.weeks.settlement_source", lambda: source)
    yield source


@pytest.fixture
def node() -> ComputeNode:
    return a_node()


@pytest.fixture
def instance(node: ComputeNode) -> Instance:
    return an_instance_on(node)


def partitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'orchestration_sample'::regclass ORDER BY 1"
        )
        return [name.removeprefix("orchestration_sample_") for (name,) in cursor.fetchall()]


def ending(instance: Instance, seq: int, at: datetime, value: str = "1") -> dict[str, object]:
    """A sample of a minute that ends then."""
    start = at - timedelta(minutes=1)
    facts = {"from": start.isoformat(), "to": at.isoformat(), "value": value}
    return a_sample(instance, seq) | facts


def stored(node: ComputeNode, *samples: dict[str, object], at: datetime) -> None:
    store(node, epoch="e", samples=samples, at=at)


def test_a_sample_of_a_week_that_nobody_made_makes_it(
    node: ComputeNode, instance: Instance
) -> None:
    far = weeks.since() + 9 * weeks.WEEK
    assert f"{far:%Y%m%d}" not in partitions()
    stored(node, ending(instance, 1, far + timedelta(hours=1)), at=far + LATER)
    assert f"{far:%Y%m%d}" in partitions()
    assert Sample.objects.count() == 1


def test_a_sample_older_than_all_weeks_is_kept_with_the_older_ones(
    node: ComputeNode, instance: Instance
) -> None:
    before, old = partitions(), weeks.since() - timedelta(days=800)
    stored(node, ending(instance, 1, old), at=now())
    assert partitions() == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT ends_at FROM orchestration_sample_older")
        assert cursor.fetchall() == [(old,)]
    assert violations()["L4 samples, hours and days are the same"] == []


def test_a_number_is_taken_for_all_weeks(node: ComputeNode, instance: Instance) -> None:
    end = weeks.since() + timedelta(hours=5)
    stored(node, ending(instance, 1, end), ending(instance, 2, end), at=end + LATER)
    again = ending(instance, 1, end + timedelta(days=7))
    with pytest.raises(SampleReused, match="Sample 1 of node-1"):
        stored(node, again, ending(instance, 3, end), at=end + 2 * LATER)
    assert list(Sample.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2]
    assert Spool.objects.get().position == 2


def test_the_same_number_twice_in_a_batch_counts_once_and_with_other_content_not_at_all(
    node: ComputeNode, instance: Instance
) -> None:
    end = weeks.since() + timedelta(hours=5)
    one = ending(instance, 1, end)
    stored(node, one, one, at=end + LATER)
    assert UsageSum.objects.get(hours=1).samples == 1
    with pytest.raises(SampleReused, match="Sample 2 of node-1"):
        stored(node, ending(instance, 2, end), ending(instance, 2, end, "2"), at=end + LATER)
    assert Sample.objects.count() == 1


def test_an_hour_and_a_day_are_what_ended_in_them_however_it_came(
    node: ComputeNode, instance: Instance
) -> None:
    midnight = weeks.since() + timedelta(days=1)
    batch = [
        ending(instance, 1, midnight, "1"),
        ending(instance, 2, midnight + timedelta(microseconds=1), "2"),
        ending(instance, 3, midnight + timedelta(hours=1), "4"),
    ]
    for part in (batch[:1], batch[:2], batch, batch):
        stored(node, *part, at=midnight + LATER)
    rows = UsageSum.objects.order_by("hours", "starts_at")
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert list(rows.values_list("hours", "starts_at", "quantity", "samples")) == [
        (1, midnight - hour, Decimal(1), 1),
        (1, midnight, Decimal(6), 2),
        (24, midnight - day, Decimal(1), 1),
        (24, midnight, Decimal(6), 2),
    ]
    assert violations()["L4 samples, hours and days are the same"] == []


HOUR, DAY = 60, 24 * 60
BOUNDS = [(0, 180), (60, 120), (30, 150), (61, 119), (59, 61), (0, 45), (75, 180)]
# One or two whole days, with and without hours and minutes beside them.
BOUNDS += [(0, DAY), (0, 2 * DAY), (HOUR, 3 * DAY), (59, 2 * DAY + 61), (DAY - 1, 2 * DAY + 1)]


@pytest.mark.parametrize(("start", "end"), BOUNDS)
@pytest.mark.parametrize("cut", [4, 5, 6])
def test_usage_is_to_the_digit_what_the_samples_add_up_to(
    node: ComputeNode, instance: Instance, start: int, end: int, cut: int
) -> None:
    base = weeks.since() + timedelta(days=1)
    came = [base + timedelta(days=number) for number in (4, 5)]
    minutes = [*range(1, 181, 7), *range(181, 3 * DAY, 97)]
    for number, minute in enumerate(minutes, 1):
        sample = ending(instance, number, base + timedelta(minutes=minute), f"0.{number:09d}")
        stored(node, sample, at=came[number % 5 == 0])
    period = Period(base + timedelta(minutes=start), base + timedelta(minutes=end))
    before = base + timedelta(days=cut)
    source, windows = StoredUsage(), {instance.line_id: period}
    found = source.usage(windows=windows, stored_before=before)
    expected = [
        one
        for one in Sample.objects.filter(stored_at__lt=before).order_by("ends_at")
        if period.start < one.ends_at <= period.end
    ]
    read = source.readings(windows=windows, meters=["cpu_seconds"], stored_before=before)
    assert [one.quantity for one in read] == [one.quantity for one in expected]
    assert [(one.quantity, one.samples, one.first_at, one.last_at) for one in found] == (
        [
            (
                sum(one.quantity for one in expected),
                len(expected),
                expected[0].starts_at,
                expected[-1].ends_at,
            )
        ]
        if expected
        else []
    )


def test_each_line_has_its_own_window_in_one_statement(node: ComputeNode) -> None:
    base, hour = weeks.since() + timedelta(days=1), timedelta(hours=1)
    UsageSum.objects.bulk_create(
        UsageSum(
            organisation=node.organisation, line=line, hours=1, starts_at=base + number * hour,
            meter="cpu_seconds", unit="s", quantity=line * 10 + number, samples=1, first_at=base,
            last_at=base, stored_at=base,
        )
        for line in (1, 2)
        for number in range(4)
    )  # fmt: skip
    windows = {1: Period(base, base + 2 * hour), 2: Period(base + 2 * hour, base + 4 * hour)}
    with CaptureQueriesContext(connection) as asked:
        found = StoredUsage().usage(windows=windows, stored_before=base + LATER)
    assert {one.line: one.quantity for one in found} == {1: 10 + 11, 2: 22 + 23}
    assert len(asked) == 1


def test_only_a_window_in_whose_days_something_was_stored_since_came_late(
    node: ComputeNode, instance: Instance
) -> None:
    base = weeks.since() + timedelta(days=1)
    stored(node, ending(instance, 1, base + timedelta(hours=3)), at=base + LATER)
    day, moment = timedelta(days=1), timedelta(seconds=1)
    late = Looked(instance.line_id, Period(base, base + day), base + LATER)
    known = Looked(instance.line_id, Period(base, base + day), base + LATER + moment)
    elsewhere = Looked(instance.line_id, Period(base + day, base + 2 * day), base)
    assert StoredUsage().came_late(looked=[known, elsewhere, late]) == [late]


def test_the_next_weeks_are_made_once() -> None:
    sweep_weeks()
    made = partitions()
    ahead = now() + timedelta(weeks=4)
    assert f"{ahead - timedelta(days=ahead.weekday()):%Y%m%d}" in made
    sweep_weeks()
    assert partitions() == made


def test_what_is_not_billed_is_never_dropped(
    node: ComputeNode, instance: Instance, billed: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    week, known = weeks.since(), partitions()
    end = week + timedelta(hours=5)
    stored(node, ending(instance, 1, end), at=end + LATER)
    later = week + timedelta(weeks=60)
    for until in (None, week + weeks.WEEK - timedelta(seconds=1)):
        billed.until = until
        assert weeks.drop_old(before=later) == []
    assert weeks.drop_old(before=week + weeks.WEEK - timedelta(seconds=1)) == []
    assert partitions() == known
    assert Sample.objects.count() == 1


@contextmanager
def as_owner() -> Iterator[CursorWrapper]:
    """The owner of the tables in a session of its own: what it makes is there for all."""
    owner = connections["owner"].copy()
    try:
        with owner.cursor() as cursor:
            yield cursor
    finally:
        owner.close()


@pytest.fixture
def last_week(transactional_db: None) -> Iterator[datetime]:
    """A week before the oldest, as if the system had begun then."""
    known, week = partitions(), weeks.since() - weeks.WEEK
    name = f"orchestration_sample_{week:%Y%m%d}"
    with as_owner() as cursor:
        cursor.execute(
            f"CREATE TABLE {name} PARTITION OF orchestration_sample FOR VALUES FROM (%s) TO (%s)",
            [week, week + weeks.WEEK],
        )
    yield week
    with as_owner() as cursor:
        for one in set(partitions()) - set(known):
            cursor.execute(f"DROP TABLE orchestration_sample_{one}")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_an_old_week_that_is_billed_is_dropped_and_its_sums_stay(
    last_week: datetime, billed: Settled, settings: LazySettings
) -> None:
    node = a_node()
    instance = an_instance_on(node)
    end = last_week + timedelta(hours=5)
    batch = [ending(instance, seq, end + timedelta(minutes=seq)) for seq in (1, 2)]
    stored(node, *batch, at=end + LATER)
    stored(node, ending(instance, 3, last_week - weeks.WEEK), at=end + LATER)
    settings.SAMPLES_KEPT_DAYS = 0
    billed.until = last_week + weeks.WEEK
    period = Period(end, end + timedelta(hours=1))

    sweep_weeks()
    sweep_weeks()

    assert weeks.since() == last_week + weeks.WEEK
    assert not Sample.objects.exists()
    (usage,) = StoredUsage().usage(
        windows={instance.line_id: period}, stored_before=end + 2 * LATER
    )
    assert (usage.quantity, usage.samples) == (Decimal(2), 2)
    assert violations()["L4 samples, hours and days are the same"] == []
    # Sent once more, they are known by their numbers; what comes late for a dropped week is kept.
    stored(node, *batch, at=end + LATER)
    assert not Sample.objects.exists()
    stored(node, ending(instance, 4, end + timedelta(minutes=3)), at=end + 2 * LATER)
    assert UsageSum.objects.get(hours=1, starts_at=end).samples == 3
    assert violations()["L4 samples, hours and days are the same"] == []


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_two_who_need_the_same_new_week_both_find_it(last_week: datetime) -> None:
    far = weeks.since() + 20 * weeks.WEEK
    both = Barrier(2, timeout=20)

    def work(name: str) -> int:
        with scope.everything("the test"):
            try:
                both.wait()
                store(nodes[name], epoch="e", samples=[samples[name]], at=far + LATER)
                return nodes[name].pk
            finally:
                connection.close()

    nodes = {name: a_node(name) for name in ("node-1", "node-2")}
    samples = {}
    for name, node in nodes.items():
        line = a_line()
        follow_contract(line.contract, at=NOON)
        Instance.objects.filter(line=line).update(
            state="placed", partition=node.partitions.first(), node=node
        )
        samples[name] = ending(Instance.objects.get(line=line), 1, far + timedelta(hours=1))
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(work, nodes)) == {node.pk for node in nodes.values()}
    assert partitions().count(f"{far:%Y%m%d}") == 1
    assert Sample.objects.count() == 2


def test_the_running_week_and_any_but_the_oldest_are_never_dropped() -> None:
    for week in (weeks.since(), weeks.since() + weeks.WEEK):
        with pytest.raises(DatabaseError, match="is not the oldest"), transaction.atomic():
            connection.cursor().execute("SELECT tenantry_drop_sample_week(%s)", [week])


@pytest.mark.parametrize(("name", "seen"), [("hour", 1), ("day", 2), ("month", 2), ("year", 3)])
def test_a_graph_shows_what_ended_in_its_slots(
    node: ComputeNode, instance: Instance, name: str, seen: int
) -> None:
    at = now().replace(hour=12, minute=30, second=30, microsecond=0)
    for seq, before in enumerate(
        (timedelta(minutes=5), timedelta(hours=2), timedelta(days=200)), 1
    ):
        stored(node, ending(instance, seq, at - before), at=at)
    (found,) = queries.series(line=instance.line_id, name=name, at=at)
    assert (found.meter, found.unit, found.total) == ("cpu_seconds", "s", Decimal(seen))
    shown = queries.RANGES[name]
    assert len(found.points) == shown.slots
    last = max(number for number, (_, value) in enumerate(found.points) if value is not None)
    assert last == shown.slots - (6 if name == "hour" else 1)
