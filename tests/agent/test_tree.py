"""CPU of short-lived processes, against the truth that the kernel tells who waits for them.

The load of the design's measurement: 400 children of 20 ms and one of 2 s.
"""

# mypy: disable-error-code="no-untyped-call"

import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from orchestration.node_agent.cgroups import Cgroups
from orchestration.node_agent.tree import LOST_AFTER, ProcessTree

SERVICE = """
import os, resource, sys, time

def burn(seconds):
    while True:
        used = resource.getrusage(resource.RUSAGE_SELF)
        if used.ru_utime + used.ru_stime >= seconds:
            os._exit(0)

def child(seconds):
    pid = os.fork()
    if pid == 0:
        if {sessions}:
            os.setsid()
        burn(seconds)
    return pid

sys.stdin.readline()
long = child(2.0)
for _ in range(400):
    os.waitpid(child(0.02), 0)
os.waitpid(long, 0)
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(one.ru_utime + one.ru_stime for one in used), flush=True)
sys.stdin.readline()
"""


def service(*, sessions: bool = False, join: Callable[[], None] | None = None) -> "Service":
    code = SERVICE.replace("{sessions}", str(sessions))
    return Service(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=join,
    )


class Service(subprocess.Popen[str]):
    """The load under a tree of processes; ended with its group."""

    def go(self) -> None:
        assert self.stdin
        self.stdin.write("\n")
        self.stdin.flush()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(10)


def share(one: Service, look: Callable[[], float]) -> tuple[float, float]:
    """Return (what was seen, the truth) of the load, with looks as often as the agent's."""
    try:
        look()
        one.go()
        seen, ends = 0.0, time.monotonic() + 120
        assert one.stdout
        while not select.select([one.stdout], [], [], 0.5)[0]:
            assert time.monotonic() < ends
            seen += look()
        truth = float(one.stdout.readline())
        return seen + look(), truth
    finally:
        one.end()


def test_the_tree_sees_all_that_was_waited_for_also_in_sessions_of_its_own() -> None:
    one, tree = service(sessions=True), ProcessTree()
    seen, truth = share(one, lambda: tree.look({one.pid: "p0"})["p0"][0])
    assert truth > 10
    assert 0.97 <= seen / truth <= 1.01, f"{seen:.2f} of {truth:.2f} s"


@pytest.mark.skipif(Cgroups("tenantry-unit-tree").kind == "none", reason="no control groups here")
def test_control_groups_see_all() -> None:
    groups = Cgroups("tenantry-unit-tree")
    groups.make("p0", {})
    one = service(join=lambda: groups.join("p0"))
    last = [groups.cpu_seconds("p0")]

    def look() -> float:
        now = groups.cpu_seconds("p0")
        used, last[0] = now - last[0], now
        return float(used)

    try:
        seen, truth = share(one, look)
    finally:
        groups.end("p0")
    assert 0.97 <= seen / truth <= 1.03, f"{seen:.2f} of {truth:.2f} s"


def test_what_runs_already_counts_from_the_first_look_and_the_next_from_its_beginning() -> None:
    tree = ProcessTree()
    assert tree.look({os.getpid(): "p0"})["p0"][0] == 0
    begun = subprocess.Popen(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass\n"
         "print(1, flush=True)\ntime.sleep(60)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert begun.stdout
        begun.stdout.readline()
        used, memory = tree.look({begun.pid: "p1"})["p1"]
        assert 0.28 <= used < 1
        assert memory > 0
    finally:
        begun.kill()
        begun.wait(10)


def test_what_a_service_used_before_it_ended_is_found_with_who_waited_for_it() -> None:
    """This process stands for supervisord."""
    tree = ProcessTree()
    burns = "import time\nwhile time.process_time() < 0.5: pass"
    one = subprocess.Popen([sys.executable, "-c", "input()\n" + burns], stdin=subprocess.PIPE)
    tree.look({one.pid: "p0"}, os.getpid())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = tree.look({one.pid: "p0"}, os.getpid())["p0"][0]
    one.communicate(b"\n", timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    truth = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    seen += tree.look({}, os.getpid())["p0"][0]
    # Its start was before the first look.
    assert truth - 0.4 <= seen <= truth + 0.02
    assert seen >= 0.45
    assert tree.look({}, os.getpid()) == {}


def test_a_sum_that_falls_for_a_moment_counts_nothing_twice_and_for_good_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = [100]
    facts = {"parent": 1, "group": 7, "children": 0, "started": "1", "pages": 0}
    monkeypatch.setattr(
        "orchestration.node_agent.tree._table", lambda: {7: dict(facts, ticks=ticks[0])}
    )
    tree, used = ProcessTree(), []
    for sum_of_all in (100, 150, 130, 160, *[90] * LOST_AFTER, 95):
        ticks[0] = sum_of_all
        used.append(round(tree.look({7: "p0"})["p0"][0] * os.sysconf("SC_CLK_TCK")))
    assert used == [0, 50, 0, 10, *[0] * LOST_AFTER, 5]


def test_without_a_process_table_nothing_is_seen_and_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: False)
    assert ProcessTree().look({1: "p0"}, 2) == {"p0": (0.0, 0)}
