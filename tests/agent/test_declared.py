"""Meters of a release: read by the partition's user, told of when broken, counted exactly once."""

# mypy: disable-error-code="no-untyped-call"

import os
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent.clock import clock
from orchestration.node_agent.declared import TOLD_AFTER, BadReading, Counters, Looks, parsed, read
from orchestration.node_agent.metering import Meters
from orchestration.node_agent.promises import Place
from orchestration.node_agent.spool import Spool
from tests.agent.home import a_home, no_groups

COUNTER = {"name": "requests", "unit": "requests", "kind": "counter", "file": "data/requests"}
GAUGE = {"name": "files", "unit": "files", "kind": "gauge", "command": ["true"]}
ONE = ("p0", "I-1")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "data").mkdir()
    return Place(str(tmp_path), None, lambda: None)


def printing(text: str, **more: Any) -> dict[str, Any]:
    code = f"import sys; sys.stdout.write({text!r})"
    return dict(GAUGE, command=[sys.executable, "-c", code], **more)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12\n", (Decimal(12), "")),
        ("0.5", (Decimal("0.5"), "")),
        ("1234 boot-7\n", (Decimal(1234), "boot-7")),
        ("1e3", (Decimal(1000), "")),
    ],
)
def test_a_number_and_the_life_of_a_counter_are_read(
    text: str, found: tuple[Decimal, str], place: Place
) -> None:
    assert read(printing(text), place) == found
    Path(place.directory, "data/requests").write_text(text)
    assert read(COUNTER, place) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "gave no number"),
        ("many", "gave no number"),
        ("1 2 3", "gave no number"),
        ("NaN", "no usage"),
        ("-1", "no usage"),
        ("Infinity", "no usage"),
        ("1e15", "no usage"),
        ("1e999999999", "no usage"),
        ("1" * 1000, "gave no number"),
    ],
)
def test_what_is_no_usage_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BadReading, match=why):
        parsed(text)


def test_a_command_that_fails_hangs_or_floods_gives_a_reason(place: Place) -> None:
    fails = dict(GAUGE, command=[sys.executable, "-c", "print('no disk'); raise SystemExit(3)"])
    with pytest.raises(BadReading, match="ended with 3: no disk"):
        read(fails, place)
    with pytest.raises(BadReading, match="took longer than 1 s"):
        read(dict(GAUGE, command=["sleep", "60"], seconds=1), place)
    with pytest.raises(BadReading):
        read(dict(GAUGE, command=["yes"], seconds=5), place)
    with pytest.raises(FileNotFoundError):
        read(dict(GAUGE, command=["/no/such/program"]), place)


def test_a_pipe_instead_of_a_file_ends_in_time(place: Place) -> None:
    os.mkfifo(Path(place.directory, "data/requests"))
    with pytest.raises(BadReading, match="took longer than 1 s"):
        read(dict(COUNTER, seconds=1), place)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_link_to_what_is_not_the_users_leads_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("42")
    secret.chmod(0o600)
    home = tmp_path / "p0"
    (home / "data").mkdir(parents=True)
    for path in (home, home / "data", *home.parents[:3]):
        path.chmod(0o755)
    (home / "data/requests").symlink_to(secret)
    with pytest.raises(BadReading, match="ended with 1"):
        read(COUNTER, Place(str(home), (65534, 65534), lambda: None))


def test_a_meter_that_stays_broken_is_told_of_once_and_tried_later_and_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    looks, told, times = Looks(), [], []
    while now[0] < 1060:
        if looks.is_due(COUNTER):
            times.append(now[0])
            found, problem = looks.read(COUNTER, place)
            assert found is None
            told.append(problem)
        now[0] += 0.5
    assert [bool(problem) for problem in told] == [
        number == TOLD_AFTER for number in range(1, len(told) + 1)
    ]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    Path(place.directory, "data/requests").write_text("7")
    now[0] += 400
    assert looks.read(COUNTER, place) == ((Decimal(7), ""), "")
    assert not looks.is_due(COUNTER)
    now[0] += 60
    assert looks.is_due(COUNTER)


def test_a_counter_is_used_by_what_it_rose_and_begins_again_at_nothing(tmp_path: Path) -> None:
    counters = Counters(a_home(tmp_path), 0)
    readings = [("5", ""), ("7", ""), ("3", ""), ("4", "b"), ("4", "b"), ("10", "c")]
    used = [counters.used("p0/I-1/requests", Decimal(number), life) for number, life in readings]
    assert used == [0, 2, 3, 4, 0, 10]


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_an_agent_that_is_killed_between_counters_and_samples_counts_once(
    tmp_path: Path, is_on_disk: bool
) -> None:
    home = a_home(tmp_path)
    spool, counters = Spool(home), Counters(home, 0)
    counters.used("p0/I-1/requests", Decimal(100), "")
    counters.keep(spool.sequence + 1)
    spool.append([{"meter": "requests", "value": "0"}])
    used = counters.used("p0/I-1/requests", Decimal(130), "")
    counters.keep(spool.sequence + 1)
    if is_on_disk:
        spool.append([{"meter": "requests", "value": str(used)}])

    spool = Spool(home)
    counters = Counters(home, spool.sequence)
    after = counters.used("p0/I-1/requests", Decimal(150), "")
    sampled = sum(Decimal(sample["value"]) for sample in spool.waiting)
    assert sampled + after == 50


def test_declared_meters_become_samples_in_their_billed_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    monkeypatch.setattr(clock, "wall", lambda: 1_700_000_000.0 + now[0])
    meters = Meters(a_home(tmp_path), no_groups())
    meters.look({"p0": "I-1"}, {})
    meters.take(*ONE, COUNTER, (Decimal(10), ""))
    meters.take(*ONE, GAUGE, (Decimal(8), ""))
    now[0] += 1800
    meters.take(*ONE, COUNTER, (Decimal(14), ""))
    meters.look({"p0": "I-1"}, {})
    found = {one["meter"]: one for one in meters.harvest(10)}
    shown = [(found[name]["value"], found[name]["unit"]) for name in ("requests", "files")]
    assert shown == [("4.000000000", "requests"), ("4.000000000", "files.h")]
    assert found["files"]["accuracy"] == "read every 60 s"
    # A gauge that gives no number any more is not held, and no sample says that it is nothing.
    meters.take(*ONE, GAUGE, None)
    now[0] += 1800
    meters.look({"p0": "I-1"}, {})
    assert {one["meter"] for one in meters.harvest(10)} == {
        "cpu_seconds",
        "memory_gib_hours",
        "disk_gib_hours",
    }


def test_a_counter_of_an_instance_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    meters = Meters(a_home(tmp_path), no_groups())
    meters.take(*ONE, COUNTER, (Decimal(10), ""))
    meters.look({"p0": "I-1"}, {})
    assert list(meters.counters.last) == ["p0/I-1/requests"]
    meters.look({"p0": "I-2"}, {})
    assert meters.counters.last == {}
