"""What moves on a machine is told when it moved far enough, and looked at only so often."""

# mypy: disable-error-code="no-untyped-call"

from pathlib import Path

import pytest

from orchestration.node_agent import node as nodes
from orchestration.node_agent.facts import facts, moving, renewed
from orchestration.node_agent.node import Node
from tests.agent.home import a_home

BEFORE = {
    "cpus": 2, "disk_bytes": 1000, "disk_free_bytes": 500, "memory_bytes": 1000,
    "memory_available_bytes": 500, "load_per_cent": 100,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "is_told"),
    [
        ("disk_free_bytes", 481, False),
        ("disk_free_bytes", 480, True),
        ("memory_available_bytes", 519, False),
        ("memory_available_bytes", 520, True),
        ("load_per_cent", 299, False),
        ("load_per_cent", 300, True),
    ],
)
def test_a_little_is_not_told(name: str, value: int, is_told: bool) -> None:
    after = renewed(BEFORE, {name: value})
    assert after == BEFORE | ({name: value} if is_told else {})


def test_slow_drift_is_told_in_the_end() -> None:
    told = BEFORE
    for free in range(500, 470, -1):
        told = renewed(told, {"disk_free_bytes": free})
    assert told["disk_free_bytes"] == 480


def test_what_moves_is_among_the_facts(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    found = facts(home, "none")
    assert set(moving(home)) <= set(found)
    assert 0 < found["disk_free_bytes"] <= found["disk_bytes"]
    assert 0 < found["memory_available_bytes"] <= found["memory_bytes"]
    assert isinstance(found["load_per_cent"], int)


def test_the_report_carries_what_moved_at_a_bounded_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    node = Node(a_home(tmp_path), "version")
    looks: list[int] = []

    def look(home: object) -> dict[str, int]:
        looks.append(1)
        return {"disk_free_bytes": 0}

    monkeypatch.setattr(nodes, "moving", look)
    for _ in range(3):
        node.look_around()
    assert looks == []
    before = node.report()["state_hash"]
    monkeypatch.setattr(nodes, "FACTS_SECONDS", 0)
    node.look_around()
    report = node.report()
    assert (looks, report["facts"]["disk_free_bytes"]) == ([1], 0)
    assert report["state_hash"] != before
