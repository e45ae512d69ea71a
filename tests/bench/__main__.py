"""`make bench`: run every benchmark in a database of its own and print the ratios.

`python -m tests.bench NAME…` runs some of them only.
"""

import os
import platform
import sys
from importlib import import_module

import django

BENCHMARKS = (
    "intake",
    "documents",
    "ordering",
    "closing",
    "pages",
    "simulated",
    "node",
    "fleet",
    "backup",
)
# Redis holds sixteen databases; ours has a number that no worker of another system looks at.
_QUEUE = os.environ.get("TENANTRY_BENCH_QUEUE", "?db=9")


def main(names: list[str]) -> None:
    """Print the machine, then one line per comparison."""
    os.environ["REDIS_URL"] = os.environ["REDIS_URL"].partition("?db=")[0] + _QUEUE
    django.setup()
    from erp.base import scope
    from tests.database import database

    cores, load = os.cpu_count(), os.getloadavg()[0]
    machine = f"{cores} cores, {platform.machine()}, load {load:.1f}"
    sys.stdout.write(f"Python {platform.python_version()}, {machine}\n")
    for name in names or BENCHMARKS:
        benchmark = import_module(f"tests.bench.{name}")
        with database(f"test_tenantry_bench_{name}"), scope.everything("the benchmark"):
            for result in benchmark.run():
                sys.stdout.write(f"{result}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
