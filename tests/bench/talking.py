"""One process that drives simulated nodes by the real path: `python -m tests.bench.talking`.

It prints what it did per second as JSON; the benchmark runs one per core.
"""

import json
import resource
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import django

from tests.bench.simulated_node import SimulatedNode
from tests.bench.timing import seconds

ROUNDS = 3


def main(first: int, step: int, count: int) -> None:
    """Drive nodes by their numbers; begin when a line is read."""
    from erp.base import scope
    from tests.bench.world import BASE

    nodes = {BASE + first + step * number: SimulatedNode() for number in range(count)}
    with scope.everything("the benchmark"), _sessions(nodes):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        found = dict(_phases(nodes))
    found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(found) + "\n")


@contextmanager
def _sessions(nodes: Mapping[int, SimulatedNode]) -> Iterator[None]:
    """Have the product find our nodes where it keeps its sessions."""
    place = "orchestration.convergence.connections."
    with ExitStack() as stack:
        for name in ("session_of", "kept"):
            stack.enter_context(patch(place + name, lambda node: nodes[node.pk]))
        stack.enter_context(patch(place + "is_known", lambda pk: pk in nodes))
        yield


def _phases(nodes: Mapping[int, SimulatedNode]) -> Iterator[tuple[str, float]]:
    """Yield how many nodes per second: first passes, words only, reports with samples."""
    from erp.base.doors import now
    from orchestration.convergence import services

    def passes() -> None:
        for pk in nodes:
            assert services.converge(pk, clock=now, why="the benchmark")

    def measured() -> None:
        for node in nodes.values():
            node.measure(now())
        _ask(list(nodes))

    def rate(work: Callable[[], None]) -> float:
        return len(nodes) / seconds(work)

    yield "passes", rate(passes)
    _ask(list(nodes))
    yield "words", ROUNDS * rate(lambda: _ask(list(nodes) * ROUNDS))
    yield "samples", rate(measured)


def _ask(nodes: list[int]) -> None:
    from erp.base.doors import now
    from orchestration.convergence import rounds
    from orchestration.convergence.tasks import ROUND

    for start in range(0, len(nodes), ROUND):
        left = rounds.visit(nodes[start : start + ROUND], clock=now)
        assert left == [], "a simulated node has what it should"


if __name__ == "__main__":
    django.setup()
    main(*(int(argument) for argument in sys.argv[1:]))
