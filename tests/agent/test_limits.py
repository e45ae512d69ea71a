"""A partition is held to its limits by what the machine has, and the node says by what."""

# mypy: disable-error-code="no-untyped-call"

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.node_agent import cgroups as cgroups_of_agent
from orchestration.node_agent import disk, limits
from orchestration.node_agent.cgroups import Cgroups
from orchestration.node_agent.disk import DiskWatch
from tests.agent.home import no_groups

GIB = 1024**3
GIVEN = {"memory_bytes": 64 * 1024**2, "cpu_millis": 500, "processes": 20}
needs_groups = pytest.mark.skipif(os.geteuid() != 0, reason="control groups need root")


def a_machine(place: Path, monkeypatch: pytest.MonkeyPatch, *, kind: str, lacks: str = "") -> None:
    """A tree as the kernel shows it: what is written is kept in files."""
    monkeypatch.setattr(cgroups_of_agent, "ROOT", place)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    if kind == "v2":
        (place / "cgroup.controllers").write_text("cpu memory pids")
        given = " ".join(name for name in ("cpu", "memory", "pids") if name != lacks)
        real = Path.write_text

        def as_kernel(path: Path, text: str) -> int:
            grants = path.name == "cgroup.subtree_control"
            return real(path, given if grants else text)

        monkeypatch.setattr(Path, "write_text", as_kernel)
    else:
        for name in {"cpuacct", "memory", "cpu", "pids"} - {lacks}:
            (place / name).mkdir()


def test_version_2_holds_memory_processor_and_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_machine(tmp_path, monkeypatch, kind="v2")
    groups = Cgroups("tenantry-x")
    groups.make("p0", GIVEN)
    group = tmp_path / "tenantry-x" / "p0"
    written = {path.name: path.read_text() for path in group.iterdir()}
    assert written == {"memory.max": "67108864", "cpu.max": "50000", "pids.max": "20"}
    groups.make("p0", GIVEN | {"cpu_millis": 0})
    assert (group / "cpu.max").read_text() == "max"


def test_version_1_holds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_machine(tmp_path, monkeypatch, kind="v1")
    Cgroups("tenantry-x").make("p0", GIVEN)
    written = {
        path.name: path.read_text()
        for controller in ("memory", "cpu", "pids")
        for path in (tmp_path / controller / "tenantry-x" / "p0").iterdir()
    }
    assert written == {
        "memory.limit_in_bytes": "67108864",
        "cpu.cfs_quota_us": "50000",
        "pids.max": "20",
    }


@pytest.mark.parametrize("kind", ["v1", "v2"])
def test_the_node_says_what_holds_each_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    a_machine(tmp_path, monkeypatch, kind=kind, lacks="pids")
    groups = Cgroups("tenantry-x")
    assert limits.means(groups, True) == {
        "limit_memory": f"cgroup {kind}",
        "limit_cpu": f"cgroup {kind}",
        "limit_processes": "rlimit",
        "limit_open_files": "rlimit",
        "limit_disk": "measured",
    }
    assert limits.rlimits(GIVEN, GIVEN, held=groups.holds, has_own_user=True) == {
        "RLIMIT_NPROC": 20
    }


def test_without_groups_each_process_is_told_what_the_plan_names() -> None:
    groups = no_groups()
    assert limits.means(groups, False)["limit_processes"] == "none"
    given = {"memory_bytes": GIB, "open_files": 64, "disk_bytes": 2 * GIB}
    most = limits.complete(given, 8 * GIB)
    assert limits.rlimits(given, most, held=groups.holds, has_own_user=True) == {
        "RLIMIT_AS": GIB,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": 2 * GIB,
        "RLIMIT_NPROC": 500,
    }
    assert limits.rlimits({}, most, held=groups.holds, has_own_user=False) == {
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": 2 * GIB,
    }


def test_a_plan_without_limits_gets_the_defaults() -> None:
    assert limits.complete({}, 8 * GIB) == {"processes": 500, "memory_bytes": 4 * GIB}
    assert limits.complete({"processes": 0, "memory_bytes": 5}, 8 * GIB) == {
        "processes": 500,
        "memory_bytes": 5,
    }


def in_group(groups: Cgroups, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: groups.join("p0"),
    )


@needs_groups
def test_the_kernel_refuses_the_process_beyond_the_limit_and_counts_it() -> None:
    groups = Cgroups("tenantry-test-limits")
    if "processes" not in groups.holds:
        pytest.skip("this machine has no controller of processes")
    groups.make("p0", {"processes": 5})
    code = (
        "import os, time\n"
        "for number in range(9):\n"
        "    try:\n"
        "        if not os.fork(): time.sleep(60)\n"
        "    except BlockingIOError: print('refused', number, flush=True); time.sleep(60)\n"
    )
    try:
        process = in_group(groups, code)
        assert process.stdout is not None
        assert process.stdout.readline() == "refused 4\n"
        assert groups.hits("p0")["processes"] == 1
        assert len(groups.pids("p0")) == 5
    finally:
        groups.end("p0")
    assert process.wait(10) == -9
    assert not any((base / "p0").exists() for base in groups.bases)


@needs_groups
def test_what_forks_without_end_is_ended_as_a_whole() -> None:
    groups = Cgroups("tenantry-test-limits")
    groups.make("p0", {"processes": 100})
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    in_group(groups, code)
    until = time.monotonic() + 20
    while len(groups.pids("p0")) < 100 and time.monotonic() < until:
        time.sleep(0.02)
    groups.end("p0")
    assert groups.pids("p0") == []
    assert not any((base / "p0").exists() for base in groups.bases)


@needs_groups
def test_the_kernel_ends_what_needs_more_memory_than_its_limit() -> None:
    groups = Cgroups("tenantry-test-limits")
    if "memory_bytes" not in groups.holds:
        pytest.skip("this machine has no controller of memory")
    groups.make("p0", {"memory_bytes": 64 * 1024**2})
    try:
        process = in_group(groups, "x = bytearray(200 * 1024**2); print('got it')")
        assert process.wait(20) == -9
        assert groups.hits("p0")["memory_bytes"] >= 1
    finally:
        groups.end("p0")


class Seen:
    """A directory's size, how full the disk is, and what time it is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.size, self.used, self.now, self.looks = 0, 0, 0.0, 0
        monkeypatch.setattr(disk, "disk_bytes", self.measure)
        monkeypatch.setattr(disk, "used_bytes", lambda path: self.used)
        monkeypatch.setattr("orchestration.node_agent.clock.clock.monotonic", lambda: self.now)

    def measure(self, path: Path) -> int:
        self.looks += 1
        return self.size


def test_a_directory_is_measured_when_the_disk_fills_and_else_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, watch = Seen(monkeypatch), DiskWatch()
    for _ in range(59):
        assert not watch.look(tmp_path, 100)
        seen.now += 1
    assert seen.looks == 1
    seen.now += 1
    watch.look(tmp_path, 100)
    assert seen.looks == 2
    seen.used, seen.size = disk.GROWN_BYTES + 1, 101
    assert not watch.look(tmp_path, 100)
    seen.now += disk.SOONEST_SECONDS
    assert watch.look(tmp_path, 100)


def test_what_was_over_its_limit_begins_again_well_below_or_when_it_may_hold_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, watch = Seen(monkeypatch), DiskWatch()
    seen.size = 101
    assert watch.look(tmp_path, 100)
    for size, is_over in ((96, True), (95, False), (100, False), (101, False)):
        seen.now += 2
        seen.size = size
        assert watch.look(tmp_path, 100) is is_over, size
    seen.now += 60
    assert watch.look(tmp_path, 100)
    assert not watch.look(tmp_path, 200)
    assert watch.look(tmp_path, 50)
    assert not watch.look(tmp_path, None)
