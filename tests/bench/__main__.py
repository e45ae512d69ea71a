"""`make bench`: run every benchmark in a database of its own and print the ratios."""

import os
import platform
import sys

import django


def main() -> None:
    """Print the machine, then one line per comparison."""
    django.setup()
    from erp.base import scope
    from tests.bench import documents, fleet, intake
    from tests.database import database

    cores = os.cpu_count()
    sys.stdout.write(f"Python {platform.python_version()}, {cores} cores, {platform.machine()}\n")
    for benchmark in (intake, documents, fleet):
        with database("test_tenantry_bench"), scope.everything("the benchmark"):
            for result in benchmark.run():
                sys.stdout.write(f"{result}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
