"""Real Celery workers on the benchmark's database and a queue of its own."""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from celery import current_app
from django.db import connection

READY_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


def environment() -> dict[str, str]:
    """Return the environment of a process that works on this very database."""
    known = connection.settings_dict
    who = quote(known["USER"]) + (f":{quote(known['PASSWORD'])}" if known["PASSWORD"] else "")
    port = f":{known['PORT']}" if known["PORT"] else ""
    where = f"{known['NAME']}?host={quote(known['HOST'], safe='')}"
    return os.environ | {
        "DATABASE_URL": f"postgresql://{who}@{port}/{where}",
        "TENANTRY_LOG_LEVEL": "WARNING",
    }


@contextlib.contextmanager
def workers(commands: Sequence[str]) -> Iterator[list[int]]:
    """Run one worker per list of options; yield their process ids when they take tasks."""
    current_app.control.purge()
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for number, options in enumerate(commands):
            name = f"bench{number}@here"
            command = f"celery -A config worker --loglevel WARNING -n {name} {options}"
            with (Path(folder) / f"{number}.log").open("wb") as log:
                made.append(
                    subprocess.Popen(
                        [sys.executable, "-m", *command.split()],
                        env=environment(),
                        stdout=log,
                        stderr=log,
                        process_group=0,
                    )
                )
        try:
            until(lambda: len(current_app.control.ping(timeout=0.5) or ()) == len(made))
            yield [one.pid for one in made]
        finally:
            for one in made:
                one.kill()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(one.pid, 9)
                one.wait(10)


def until(is_there: Callable[[], bool], *, seconds: float = READY_SECONDS) -> None:
    """Wait until it is so.

    Raises:
        TimeoutError: it never is.
    """
    end = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > end:
            raise TimeoutError("what the benchmark waits for does not happen")
        time.sleep(0.005)


def cpu_of(pids: Sequence[int]) -> float:
    """Return the CPU seconds that processes and their children used so far."""
    total = 0.0
    for pid in _with_children(pids):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def children_cpu() -> float:
    """Return the CPU seconds of all our children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _with_children(pids: Sequence[int]) -> list[int]:
    found = list(pids)
    for pid in found:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            found += [int(child) for child in text.split()]
    return found
