"""No sample is lost, given twice or numbered again, whatever happens to the agent."""

# mypy: disable-error-code="no-untyped-call"

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import spool as module
from orchestration.node_agent.home import Home
from orchestration.node_agent.spool import Spool
from tests.agent.home import a_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return a_home(tmp_path)


def samples(*values: int) -> list[dict[str, Any]]:
    return [{"value": value} for value in values]


def numbers(spool: Spool) -> list[int]:
    return [sample["seq"] for sample in spool.waiting]


def test_samples_wait_until_they_are_acknowledged(home: Home) -> None:
    spool = Spool(home)
    assert spool.append(samples(1, 2, 3)) == 0
    spool.acknowledge(spool.epoch, 2)
    assert (numbers(spool), spool.sequence) == ([3], 3)


def test_a_restart_keeps_the_epoch_the_samples_and_the_numbers(home: Home) -> None:
    first = Spool(home)
    first.append(samples(1, 2))
    first.acknowledge(first.epoch, 2)
    second = Spool(home)
    assert (second.epoch, numbers(second), second.sequence) == (first.epoch, [], 2)
    second.append(samples(3))
    assert numbers(Spool(home)) == [3]


def test_another_epoch_an_older_or_a_too_high_number_forget_nothing_wrong(home: Home) -> None:
    spool = Spool(home)
    spool.append(samples(1, 2))
    spool.acknowledge("another", 2)
    assert numbers(spool) == [1, 2]
    spool.acknowledge(spool.epoch, 10**9)
    spool.append(samples(3))
    assert numbers(spool) == [3]
    spool.acknowledge(spool.epoch, 1)
    assert spool.acked == 2


def test_a_half_written_last_line_never_was_and_harms_no_later_one(home: Home) -> None:
    Spool(home).append(samples(1, 2))
    whole = (home.state / "spool.jsonl").read_bytes()
    (home.state / "spool.jsonl").write_bytes(whole[:-5])
    torn = Spool(home)
    assert numbers(torn) == [1]
    torn.append(samples(7))
    assert [(one["seq"], one["value"]) for one in Spool(home).waiting] == [(1, 1), (2, 7)]


def test_a_last_line_that_lacks_only_its_end_is_kept(home: Home) -> None:
    Spool(home).append(samples(1))
    whole = (home.state / "spool.jsonl").read_bytes()
    (home.state / "spool.jsonl").write_bytes(whole.rstrip(b"\n"))
    Spool(home).append(samples(2))
    assert numbers(Spool(home)) == [1, 2]


def test_the_spool_is_bounded_and_gives_up_the_oldest(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    spool = Spool(home)
    assert spool.append(samples(1, 2)) == 0
    assert spool.append(samples(3, 4, 5)) == 2
    assert numbers(spool) == [3, 4, 5]
    assert numbers(Spool(home)) == [3, 4, 5]


def test_the_file_shrinks_when_enough_is_acknowledged(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMPACT_AT", 2)
    spool = Spool(home)
    spool.append(samples(1, 2, 3, 4))
    spool.acknowledge(spool.epoch, 3)
    assert len((home.state / "spool.jsonl").read_text().splitlines()) == 1


def test_what_a_full_disk_does_not_take_is_kept_and_written_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(a_home(tmp_path))
    spool.append([{"n": 1}])
    real, is_full = os.fsync, [True]

    def fsync(handle: int) -> None:
        if is_full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr("os.fsync", fsync)
    assert spool.append([{"n": 2}]) == 0
    spool.acknowledge(spool.epoch, 1)
    assert spool.waiting == []
    assert (spool.sequence, [one["n"] for one in spool.unwritten]) == (2, [2])
    assert spool.file.read_text().count("\n") == 1, "half a line would spoil the next"
    is_full[0] = False
    spool.append([{"n": 3}])
    assert [(one["seq"], one["n"]) for one in spool.waiting] == [(2, 2), (3, 3)]
    assert [one["seq"] for one in Spool(a_home(tmp_path)).waiting] == [1, 2, 3]
