"""Counters: lower than before is a new group, a clock that goes back stops nothing."""

# mypy: disable-error-code="no-untyped-call"

import os
from pathlib import Path

import pytest

from orchestration.node_agent.cgroups import Cgroups
from orchestration.node_agent.metering import Meters, disk_bytes
from tests.agent.home import a_home, no_groups


class Groups(Cgroups):
    """Control groups whose counters the test turns."""

    def __init__(self) -> None:
        self.kind = "v2"
        self.cpu_of: dict[str, float] = {}

    def cpu_seconds(self, partition: str) -> float | None:
        return self.cpu_of.get(partition)

    def memory_bytes(self, partition: str) -> int | None:
        return 0


@pytest.fixture
def groups() -> Groups:
    return Groups()


@pytest.fixture
def meters(tmp_path: Path, groups: Groups) -> Meters:
    return Meters(a_home(tmp_path), groups)


def cpu(meters: Meters, uid: str = "I-1") -> float:
    found: float = meters.sums["p0", uid][0]
    return found


def test_the_first_look_counts_from_there_and_a_lower_counter_is_a_new_group(
    meters: Meters, groups: Groups
) -> None:
    readings = []
    for total in (100.0, 101.5, 0.25, 0.75):
        groups.cpu_of["p0"] = total
        meters.look({"p0": "I-1"}, {})
        readings.append(cpu(meters))
    assert readings == [0.0, 1.5, 1.75, 2.25]


def test_a_partition_that_begins_later_counts_from_its_beginning(
    meters: Meters, groups: Groups
) -> None:
    meters.look({}, {})
    groups.cpu_of["p0"] = 2.0
    meters.look({"p0": "I-1"}, {})
    assert cpu(meters) == 2.0


def test_the_next_instance_in_a_partition_pays_all_of_its_own_and_nothing_else(
    meters: Meters, groups: Groups
) -> None:
    groups.cpu_of["p0"] = 5.0
    meters.look({"p0": "I-1"}, {})
    del groups.cpu_of["p0"]
    meters.look({}, {})
    groups.cpu_of["p0"] = 7.0
    meters.look({"p0": "I-2"}, {})
    assert cpu(meters, "I-2") == 7.0


def test_samples_cover_the_time_between_two_harvests(
    meters: Meters, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_700_000_000.0]
    monkeypatch.setattr("orchestration.node_agent.clock.clock.wall", lambda: clock[0])
    meters.since = clock[0]
    groups.cpu_of["p0"] = 1.0
    meters.look({"p0": "I-1"}, {})
    clock[0] += 9
    assert meters.harvest(10) == []
    clock[0] += 1
    found = meters.harvest(10)
    assert [(one["meter"], one["unit"], one["accuracy"]) for one in found] == [
        ("cpu_seconds", "s", "cgroup v2"),
        ("memory_gib_hours", "GiB.h", "cgroup v2"),
        ("disk_gib_hours", "GiB.h", "every minute"),
    ]
    assert (found[0]["from"], found[0]["to"], found[0]["value"]) == (
        "2023-11-14T22:13:20+00:00",
        "2023-11-14T22:13:30+00:00",
        "0.000000000",
    )


def test_a_clock_that_was_set_back_makes_a_later_interval_and_no_backward_one(
    meters: Meters, groups: Groups, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_700_000_000.0]
    monkeypatch.setattr("orchestration.node_agent.clock.clock.wall", lambda: clock[0])
    meters.since = clock[0]
    groups.cpu_of["p0"] = 1.0
    meters.look({"p0": "I-1"}, {})
    clock[0] -= 86_400
    assert meters.harvest(10) == []
    clock[0] += 10
    assert {(one["from"] < one["to"]) for one in meters.harvest(10)} == {True}


def test_without_groups_the_tree_of_processes_is_read(tmp_path: Path) -> None:
    meters = Meters(a_home(tmp_path), no_groups())
    assert meters.accuracy == "process tree"


def test_a_hard_link_is_counted_once_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 8192)
    alone = disk_bytes(tmp_path)
    os.link(tmp_path / "a", tmp_path / "b")
    (tmp_path / "c").symlink_to("/usr")
    assert alone >= 8192
    assert disk_bytes(tmp_path) == alone


def test_what_was_used_while_no_agent_looked_is_in_the_next_sample(
    meters: Meters, groups: Groups, tmp_path: Path
) -> None:
    groups.cpu_of["p0"] = 3.0
    meters.look({"p0": "I-1"}, {})
    meters.counters.keep(1)
    groups.cpu_of["p0"] = 4.25
    later = Meters(meters.home, groups, sequence=1)
    later.look({"p0": "I-1"}, {})
    assert cpu(later) == 1.25


def test_after_a_boot_all_groups_count_from_their_beginning(meters: Meters, groups: Groups) -> None:
    groups.cpu_of["p0"] = 3.0
    meters.look({"p0": "I-1"}, {})
    meters.counters.keep(1)
    groups.cpu_of["p0"] = 4.0
    later = Meters(meters.home, groups, sequence=1)
    later.boot = "another"
    later.look({"p0": "I-1"}, {})
    assert cpu(later) == 4.0


def test_another_instance_pays_nothing_of_what_its_partition_used_before(
    meters: Meters, groups: Groups
) -> None:
    groups.cpu_of["p0"] = 3.0
    meters.look({"p0": "I-1"}, {})
    meters.counters.keep(1)
    later = Meters(meters.home, groups, sequence=1)
    later.look({"p0": "I-2"}, {})
    assert cpu(later, "I-2") == 0.0


def test_traffic_is_counted_from_the_first_look_on_and_from_nothing_after_a_boot(
    meters: Meters,
) -> None:
    for received, sent in ((5 * 2**30, 2**30), (5 * 2**30 + 2**20, 3 * 2**30)):
        meters.take_traffic("p0", "I-1", (received, sent), "nftables")
    assert traffic(meters) == {"network_in_gib": "0.000976562", "network_out_gib": "2.000000000"}
    meters.boot = "another"
    meters.take_traffic("p0", "I-1", (2**30, 4 * 2**30), "nftables")
    assert traffic(meters) == {"network_in_gib": "1.000976562", "network_out_gib": "6.000000000"}


def traffic(meters: Meters) -> dict[str, str]:
    return {name: str(amount) for name, (_, amount) in meters.declared["p0", "I-1"].items()}
