"""The agent's clock follows the Master's: neither a wrong one nor a jump moves a sample."""

# mypy: disable-error-code="no-untyped-call"

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import clock as clock_of_agent
from orchestration.node_agent.clock import Clock
from orchestration.node_agent.node import Node
from orchestration.node_agent.protocol import answer
from orchestration.node_agent.spool import Spool
from tests.agent.home import a_home

DAY = 86400.0
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


class Machine:
    """The clocks of a machine: one that may be set, one that only runs."""

    def __init__(self, wall: float) -> None:
        self.at, self.ran = wall, 500.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, lambda: self.ran)

    def pass_time(self, seconds: float) -> None:
        self.at += seconds
        self.ran += seconds


def test_a_jump_of_the_machines_clock_moves_nothing() -> None:
    machine = Machine(NOON)
    one = machine.clock()
    machine.at += DAY
    machine.pass_time(10)
    assert one.wall() == NOON + 10


@pytest.mark.parametrize("wrong", [DAY, -DAY])
def test_it_follows_the_master(wrong: float) -> None:
    machine = Machine(NOON + wrong)
    one = machine.clock()
    assert one.hear(NOON) == -wrong
    machine.pass_time(60)
    assert one.wall() == NOON + 60
    assert one.hear(NOON + 61) == 0.0, "the way over the line is no error of the clock"
    assert one.wall() == NOON + 60


def poll(node: Node, now: float) -> dict[str, Any]:
    import json

    acked = {"epoch": "", "seq": 0}
    line = {"op": "poll", "fence": 1, "revision": "", "acked": acked, "now": now}
    report: dict[str, Any] = json.loads(answer(node, json.dumps(line).encode()))["report"]
    return report


@pytest.mark.parametrize("wrong", [DAY, -DAY])
def test_what_was_stamped_before_the_master_was_heard_is_put_right_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    machine = Machine(NOON)
    home = a_home(tmp_path)
    place_clock(monkeypatch, machine)
    Spool(home).append([a_sample(NOON - 20)])
    machine.at += wrong
    place_clock(monkeypatch, machine)
    node = Node(home, "version")
    node.spool.append([a_sample(NOON + wrong)])
    machine.pass_time(30)

    for _ in range(2):
        report = poll(node, NOON + 30)
        assert [one["to"] for one in report["samples"]] == [text(NOON - 10), text(NOON + 10)]
        (event,) = report["events"]
        way = "ahead of" if wrong > 0 else "behind"
        assert event["message"] == f"the clock was 86400 s {way} the Master's"
    assert [one["to"] for one in Spool(home).waiting] == [text(NOON - 10), text(NOON + 10)]


def place_clock(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    """A process of the agent begins on this machine."""
    one = machine.clock()
    for name in ("wall", "monotonic", "hear"):
        monkeypatch.setattr(clock_of_agent.clock, name, getattr(one, name))


def a_sample(begins: float) -> dict[str, str]:
    return {"meter": "cpu_seconds", "from": text(begins), "to": text(begins + 10)}


def text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
