"""A pass over real SSH hosts, against Ansible and pyinfra doing the same job.

The job: one user, three files, one process that must run, facts. Ours goes through the sweep, the
queue and real Celery workers; Ansible has pipelining, persistent connections and 32 forks, pyinfra
32 hosts at once. Left out, loudly, where there can be no hosts or no peers.
"""

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from erp.base.doors import now
from orchestration.convergence import connections, tasks
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.bench import peers
from tests.bench.timing import Result, seconds
from tests.bench.workers import children_cpu, cpu_of, until, workers
from tests.fleet.fleet import Fleet, Host, missing
from tests.scenarios.world import a_service, enrolled

HOSTS, ROUNDS, PASSES = 16, 3, 20
LANES = ("-Q converge -P threads -c 8",)
PASS_SECONDS = 120

_RELEASE = """\
name = "bench"
version = "1.0.0"
licence = "AGPL-3.0-or-later"
summary = "Three files and a process."
[types.default]
title = "Three files and a process"
[types.default.parameters]
type = "object"
[[types.default.services]]
name = "sleep"
command = ["sleep", "100000"]
"""
_FILE = '[[types.default.files]]\npath = "{name}"\ntemplate = "{name}.in"\n'


def run() -> Iterator[Result | str]:
    """Time first passes and passes where nothing changed, each in rounds beside its peers."""
    why = missing()
    if why:
        yield f"NO FLEET: passes over real hosts are left out: {why}"
        return
    with Fleet(HOSTS) as fleet, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        programs = list(peers.on(fleet.hosts, place))
        took = seconds(lambda: _enrol(fleet.hosts))
        yield f"enrolment of {HOSTS} hosts, one after the other: {took / HOSTS:.1f} s each"
        with workers(LANES) as pids:
            yield from _first(fleet.hosts, programs, place)
            yield from _unchanged(programs, pids, fleet.hosts)


def _enrol(hosts: Sequence[Host]) -> None:
    for host in hosts:
        connections.drop(enrolled(host))


def _first(
    hosts: Sequence[Host], programs: Sequence[peers.Peer], place: Path
) -> Iterator[Result | str]:
    """Time one first pass: what is desired was just asked for, nothing of it is there."""
    release = _a_release(place / "release")
    for _ in hosts:
        a_service(directory=release)
    ours = seconds(lambda: _swept(_is_applied))
    for program in programs:
        with peers.left(hosts):
            yield Result(
                f"the first pass over {HOSTS} hosts, once", ours, seconds(program), program.name,
                "≥ 20 ×",
            )  # fmt: skip


def _unchanged(
    programs: Sequence[peers.Peer], pids: Sequence[int], hosts: Sequence[Host]
) -> Iterator[Result | str]:
    """Time passes in turns; a round of ours is the mean of some, since one is very short."""
    for program in programs:
        program()
    columns: list[list[float]] = [[] for _ in (None, *programs)]
    used, theirs_used = [0.0, 0.0], [0.0 for _ in programs]
    for _ in range(ROUNDS):
        before = cpu_of(pids), _cpu_on(hosts)
        columns[0].append(seconds(_passes) / PASSES)
        used[0] += cpu_of(pids) - before[0]
        used[1] += _cpu_on(hosts) - before[1]
        for number, program in enumerate(programs):
            before = children_cpu(), _cpu_on(hosts)
            columns[number + 1].append(seconds(program))
            theirs_used[number] += children_cpu() - before[0] + _cpu_on(hosts) - before[1]
    ours, *theirs = (statistics.median(column) for column in columns)
    made = ROUNDS * PASSES * HOSTS
    yield (
        f"{HOSTS / ours:.0f} passes/s through Celery where nothing changed; CPU of a pass: "
        f"{1000 * used[0] / made:.2f} ms in the workers, {1000 * used[1] / made:.2f} ms on the node"
    )
    for program, its in zip(programs, theirs_used, strict=True):
        yield Result(
            f"the same, CPU of all machines per pass and {HOSTS} hosts",
            sum(used) / ROUNDS / PASSES, its / ROUNDS, program.name, "fair on a busy machine",
        )  # fmt: skip
    for program, peer, aim in zip(programs, theirs, ("≥ 500 ×", "≥ 100 ×"), strict=False):
        yield Result(f"a pass over {HOSTS} hosts, nothing changed", ours, peer, program.name, aim)


def _passes() -> None:
    for _ in range(PASSES):
        _swept(lambda: True)


def _swept(is_done: Callable[[], bool]) -> None:
    """Have all nodes due, sweep, and wait until each was seen; a visit makes its document."""
    ComputeNode.objects.update(next_attempt_at=None)
    began = now()
    tasks.sweep_nodes()
    unseen = ComputeNode.objects.exclude(last_seen_at__gte=began)
    until(lambda: not unseen.exists() and is_done(), seconds=PASS_SECONDS)


def _is_applied() -> bool:
    return not Instance.objects.exclude(state="started").exists()


def _cpu_on(hosts: Sequence[Host]) -> float:
    """Return the CPU seconds of the hosts so far, 0 where nothing counts them."""
    total = 0.0
    for host in hosts:
        for group in host.groups:
            usage = group / "cpuacct.usage"
            if usage.exists():
                total += int(usage.read_text()) / 1e9
    return total


def _a_release(place: Path) -> Path:
    """Write a release that does the same job as the playbook."""
    place.mkdir()
    names = [f"bench-{number}" for number in (1, 2, 3)]
    text = _RELEASE + "".join(_FILE.format(name=name) for name in names)
    (place / "software.toml").write_text(text)
    for name in names:
        (place / f"{name}.in").write_text(name)
    return place
