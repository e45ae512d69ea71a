"""A wipe leaves nothing, a link leads nowhere else, a failure is said and waits."""

# mypy: disable-error-code="no-untyped-call"

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent.metering import disk_bytes
from orchestration.node_agent.node import Node
from orchestration.node_agent.partitions import Partition
from tests.agent.home import a_document, a_home

INSTANCE = {
    "uid": "I-1",
    "generation": 1,
    "requested_state": "started",
    "release": "r1",
    "software_type": "default",
    "parameters": {},
    "secrets": {},
    "limits": {},
}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node without root and without a supervisor: its releases declare no services."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    one = Node(a_home(tmp_path), "version")
    release_with(one, {})
    return one


def release_with(node: Node, kind: dict[str, Any], **templates: str) -> None:
    """Have a release ready whose default type is `kind`."""
    source = node.releases.path("r1") / "source"
    source.mkdir(parents=True, exist_ok=True)
    for name, text in templates.items():
        (source / name).write_text(text)
    node.desired = a_document(instance=INSTANCE)
    node.desired["releases"][0]["profile"]["types"]["default"] = kind


def converge(node: Node, partition: Partition, **changes: Any) -> bool:
    spec = node.desired["partitions"][0]
    wanted = dict(INSTANCE, **changes) if changes.get("instance", 1) else None
    return bool(partition.converge(dict(spec, instance=wanted)))


@pytest.fixture
def partition(node: Node) -> Partition:
    return Partition(node, "p0")


def test_a_partition_is_made_filled_and_wiped_without_a_trace(
    node: Node, partition: Partition
) -> None:
    files = [{"path": "etc/a.conf", "template": "a", "secret": True}]
    release_with(node, {"files": files, "publish": {"url": "http://{address}:{port}/"}}, a="{port}")
    assert converge(node, partition)
    written = partition.path / "etc" / "a.conf"
    assert (written.read_text(), written.stat().st_mode & 0o777) == ("21000", 0o600)
    assert partition.path.stat().st_mode & 0o777 == 0o750
    assert partition.report()["connection"] == {"url": "http://127.0.0.1:21000/"}
    (partition.path / "data" / "deep").mkdir()
    assert converge(node, partition, requested_state="destroyed", generation=2)
    assert not partition.path.exists()
    found = partition.report()
    assert (found["state"], found["generation"], found["connection"]) == ("wiped", 2, {})
    assert converge(node, partition, instance=None)
    assert (partition.report()["state"], partition.report()["instance_uid"]) == ("empty", "")


def test_what_was_there_before_the_agent_is_wiped_too(node: Node, partition: Partition) -> None:
    (partition.path / "data").mkdir(parents=True)
    assert converge(node, partition, instance=None)
    assert not partition.path.exists()


def test_a_wipe_does_not_follow_links(node: Node, partition: Partition, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    converge(node, partition)
    (partition.path / "data" / "link").symlink_to(outside)
    converge(node, partition, requested_state="destroyed")
    assert (outside / "file").exists()


def test_a_stopped_partition_keeps_its_data_and_publishes_nothing(
    node: Node, partition: Partition
) -> None:
    release_with(node, {"publish": {"url": "x"}})
    converge(node, partition)
    (partition.path / "data" / "kept").touch()
    assert converge(node, partition, requested_state="stopped", generation=2)
    assert (partition.path / "data" / "kept").exists()
    assert (partition.report()["state"], partition.report()["connection"]) == ("stopped", {})


def test_a_file_changed_by_hand_is_put_back_and_told(node: Node, partition: Partition) -> None:
    release_with(node, {"files": [{"path": "a.conf", "template": "a"}]}, a="right")
    converge(node, partition)
    (partition.path / "a.conf").write_text("wrong")
    converge(node, partition)
    assert (partition.path / "a.conf").read_text() == "right"
    (event,) = node.events
    assert (event["kind"], event["message"]) == ("drift", "a.conf was changed and put back")


def test_a_partition_cannot_lead_the_agent_elsewhere_by_a_link(
    node: Node, partition: Partition, tmp_path: Path
) -> None:
    release_with(node, {"files": [{"path": "etc/a.conf", "template": "a"}]}, a="right")
    converge(node, partition)
    outside = tmp_path / "outside"
    outside.mkdir()
    (partition.path / "etc" / "a.conf").unlink()
    (partition.path / "etc").rmdir()
    (partition.path / "etc").symlink_to(outside)
    converge(node, partition)
    assert list(outside.iterdir()) == []
    assert (partition.path / "etc" / "a.conf").read_text() == "right"
    assert not (partition.path / "etc").is_symlink()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_huge_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**43)


@pytest.mark.parametrize("made", [a_pipe, a_huge_file, Path.touch])
def test_whatever_lies_where_a_file_should_be_holds_up_nobody(
    node: Node, partition: Partition, made: Callable[[Path], None]
) -> None:
    release_with(node, {"files": [{"path": "a.conf", "template": "a"}]}, a="right")
    converge(node, partition)
    (partition.path / "a.conf").unlink()
    made(partition.path / "a.conf")
    assert converge(node, partition)
    assert (partition.path / "a.conf").read_text() == "right"


def test_a_partition_however_deep_is_measured_and_wiped(node: Node, partition: Partition) -> None:
    converge(node, partition)
    (partition.path / "data" / "file").write_bytes(b"x" * 5000)
    alone = disk_bytes(partition.path)
    at = os.open(partition.path / "data", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    assert disk_bytes(partition.path) == alone > 0
    assert converge(node, partition, requested_state="destroyed")
    assert not partition.path.exists()


def test_what_nobody_thought_of_fails_one_partition_alone(
    node: Node, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deep(_: Any) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(partition, "_directory", deep)
    assert not converge(node, partition)
    assert (partition.state, partition.reason) == ("failed", "RecursionError: too deep")


def test_what_cannot_be_done_is_said_and_waits_for_its_next_turn(
    node: Node, partition: Partition
) -> None:
    release_with(node, {"files": [{"path": "a.conf", "template": "missing"}]})
    assert not converge(node, partition)
    assert partition.state == "failed"
    assert partition.reason.startswith("FileNotFoundError")
    assert not partition.backoff.is_due()
    release_with(node, {})
    assert not converge(node, partition)
    assert converge(node, partition, generation=2), "a new generation is tried at once"


def test_a_release_that_is_not_ready_is_building(node: Node, partition: Partition) -> None:
    node.releases.path("r1").rename(node.releases.path("elsewhere"))
    assert not converge(node, partition)
    assert partition.state == "building"
    node.releases.failures["r1"] = node.releases.failures.get("r1") or Failed()
    assert not converge(node, partition)
    assert (partition.state, partition.reason) == ("failed", "pip said no")


def a_promise(name: str, script: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "kind": "command", "command": ["sh", "-c", script]} | facts


def test_each_promise_is_asked_in_its_own_period_and_a_failing_one_sooner(
    node: Node, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("orchestration.node_agent.clock.clock.monotonic", lambda: clock[0])
    often = a_promise("often", "echo >> data/often; test ! -e data/broken", period_seconds=2)
    seldom = a_promise("seldom", "echo >> {partition}/data/seldom", period_seconds=100)
    release_with(node, {"promises": [often, seldom]})

    def asked(at: float) -> tuple[int, int, str]:
        clock[0] = 1000.0 + at
        converge(node, partition)
        lines = [len((partition.path / "data" / name).read_text()) for name in ("often", "seldom")]
        return lines[0], lines[1], partition.state

    assert [asked(at) for at in (0, 1, 2, 99)] == [
        (1, 1, "started"),
        (1, 1, "started"),
        (2, 1, "started"),
        (3, 1, "started"),
    ]
    (partition.path / "data" / "broken").touch()
    assert asked(101) == (4, 2, "failed")
    assert partition.reason == "often: ended with 1: "
    assert asked(101.6) == (5, 2, "failed")
    (partition.path / "data" / "broken").unlink()
    assert [asked(at) for at in (102.2, 103)] == [(6, 2, "started"), (6, 2, "started")]


def test_the_longer_a_promise_fails_the_less_often_it_is_asked(
    node: Node, partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("orchestration.node_agent.clock.clock.monotonic", lambda: clock[0])
    fails = a_promise("fails", "echo >> data/asked; false", period_seconds=100)
    release_with(node, {"promises": [fails]})

    def asked(at: float) -> int:
        clock[0] = 1000.0 + at
        converge(node, partition)
        return len((partition.path / "data" / "asked").read_text())

    assert [asked(at) for at in (0, 0.5, 1, 20, 21.9, 22, 24.1)] == [1, 2, 3, 4, 4, 5, 5]
    assert [asked(at) for at in (5000, 5099, 5100)] == [6, 6, 7]


class Failed:
    """A build that failed."""

    reason = "pip said no"
