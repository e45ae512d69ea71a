"""Thousands of nodes in the database: what each periodic step costs, and how it grows.

The nodes are simulated and speak the real documents through the real conversation and intake; only
SSH and the machines are left out.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial

from celery import current_app

from erp.base.doors import now
from erp.contracts import tasks as contracts
from orchestration.allocation import services as allocation
from orchestration.allocation import tasks as allocating
from orchestration.allocation.queries import shortlist
from orchestration.convergence import tasks as convergence
from orchestration.instances import services as instances
from orchestration.instances import tasks as following
from orchestration.instances.models import Instance
from orchestration.monitoring import tasks as monitoring
from orchestration.nodes.models import ComputeNode
from tests.bench.timing import seconds
from tests.bench.workers import environment
from tests.bench.world import BASE, PER_NODE, Example, grow
from tests.orchestration.builders import a_customer, a_line, a_node

SIZES = (1_000, 10_000)
ROUNDS, PLACED, TALKING = 3, 20, 200

SWEEPS: Mapping[str, Callable[[], object]] = {
    "sweep_contracts, nothing to do": following.sweep_contracts,
    "sweep_waiting, nothing to do": allocating.sweep_waiting,
    "sweep_desired, nothing to do": convergence.sweep_desired,
    "sweep_nodes, nobody due": convergence.sweep_nodes,
    "sweep_enrolments, nothing to do": convergence.sweep_enrolments,
    "sweep_incidents, nothing to do": monitoring.sweep_incidents,
    "sweep_waits, nothing to do": monitoring.sweep_waits,
    "sweep_expired, nothing to do": contracts.sweep_expired,
}


def run() -> Iterator[str]:
    """Measure at a thousand nodes and at ten thousand; print both and how each grew."""
    example, before = Example.make(), 0
    columns: list[dict[str, float]] = []
    for size in SIZES:
        took = seconds(partial(grow, example, before, size))
        before = size
        yield f"{size} nodes and {size * PER_NODE} instances made in {took:.0f} s"
        columns.append({})
        for name, value in _measured():
            columns[-1][name] = value
            yield f"{size:6} nodes: {name:52} {value:9.1f}"
    for name, small in columns[0].items():
        large = columns[1][name]
        yield f"{name:52} {small:9.1f} {large:9.1f}   {large / small if small else 0:6.2f} ×"


def _measured() -> Iterator[tuple[str, float]]:
    for name, sweep in SWEEPS.items():
        sweep()
        times = [seconds(sweep) for _ in range(ROUNDS)]
        yield f"{name} (ms)", 1000 * statistics.median(times)
    yield "sweep_nodes, a thousand due (ms)", 1000 * statistics.median(map(_due, range(ROUNDS)))
    yield from _allocation()
    yield from _talks()


def _due(_: int) -> float:
    some = ComputeNode.objects.filter(pk__lt=BASE + 1000)
    some.filter(pk__gte=BASE).update(next_attempt_at=now() - timedelta(seconds=1))
    took = seconds(convergence.sweep_nodes)
    current_app.control.purge()
    return took


def _allocation() -> Iterator[tuple[str, float]]:
    """Place some instances on the one node that has room."""
    node = a_node(f"free-{ComputeNode.objects.count()}", partitions=PLACED)
    customer, searches, times, used = a_customer("Late"), [], [], []
    for _ in range(PLACED):
        line = a_line(customer)
        instances.follow_contract(line.contract, at=now())
        instance = Instance.objects.get(line=line)
        searches.append(seconds(partial(shortlist, allocation.wish_of(instance))))
        before = time.process_time()
        times.append(seconds(partial(allocation.place, instance.pk, at=now())))
        used.append(time.process_time() - before)
        instance.refresh_from_db()
        assert instance.node_id == node.pk
    yield "search of a place, median (ms)", 1000 * statistics.median(searches)
    yield "allocation of an instance, CPU here, median (ms)", 1000 * statistics.median(used)
    yield "allocation of an instance, median (ms)", 1000 * statistics.median(times)
    yield "allocation of an instance, slowest (ms)", 1000 * max(times)
    # It is no part of what is measured next.
    ComputeNode.objects.filter(pk=node.pk).update(state="closed")
    Instance.objects.filter(node=node).update(state="started", observed_generation=1)


def _talks() -> Iterator[tuple[str, float]]:
    """Have one process per core drive nodes of its own."""
    cores = os.cpu_count() or 1
    # Their documents are made anew, with what they really hold.
    few = ComputeNode.objects.filter(pk__gte=BASE, pk__lt=BASE + cores * TALKING)
    few.update(desired_source="", applied_revision="", report_hash="", spool_epoch="")
    made = [_talker(number, cores) for number in range(cores)]
    for one in made:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    found = [json.loads(one.communicate(timeout=600)[0]) for one in _told(made)]
    yield "first passes with a new document (nodes/s)", sum(one["passes"] for one in found)
    yield "words with nodes that have nothing new (nodes/s)", sum(one["words"] for one in found)
    yield "reports with samples (reports/s)", sum(one["samples"] for one in found)
    samples = 3 * PER_NODE * sum(one["samples"] for one in found)
    yield "samples in them (samples/s)", samples
    yield "memory of one process (MB)", max(one["megabytes"] for one in found)


def _talker(number: int, cores: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.talking", str(number), str(cores), str(TALKING)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment(), stdin=pipe, stdout=pipe, text=True)


def _told(made: Sequence[subprocess.Popen[str]]) -> Sequence[subprocess.Popen[str]]:
    """Have all begin at once, before any is waited for."""
    for one in made:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    return made
