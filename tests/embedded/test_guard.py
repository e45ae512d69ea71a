"""What detaches itself, or is left behind, ends with the command."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.waiting import alive, until

# The work starts a service and a daemon (its parent ends, it has its own session), and waits.
WORK = """
import pathlib, subprocess, sys, time
from config.embedded.guard import guarded, reap
place = pathlib.Path(sys.argv[1])
def work():
    child = subprocess.Popen(["sleep", "600"])
    (place / "child").write_text(str(child.pid))
    (place / "inner").write_text(str(__import__("os").getpid()))
    daemon = "sleep 600 & echo $! > daemon.part && mv daemon.part daemon"
    subprocess.run(["setsid", "sh", "-c", daemon], cwd=place, check=True)
    if len(sys.argv) > 2:
        return int(sys.argv[2])
    while True:
        reap({child.pid})
        time.sleep(0.02)
sys.exit(guarded(work))
"""


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", WORK, tmp_path])
    until(lambda: (tmp_path / "daemon").exists())
    yield process
    process.kill()
    process.wait(5)


def pids(place: Path, *names: str) -> list[int]:
    return [int((place / name).read_text()) for name in names]


@pytest.mark.parametrize("victim", ["outer", "inner"])
def test_all_is_gone_within_five_seconds_of_sigkill(
    victim: str, outer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    everything = pids(tmp_path, "inner", "child", "daemon")
    os.kill(outer.pid if victim == "outer" else everything[0], signal.SIGKILL)
    outer.wait(5)
    until(lambda: not any(alive(pid) for pid in everything), seconds=5)


def test_an_adopted_process_that_ends_is_buried(
    outer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (daemon,) = pids(tmp_path, "daemon")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{daemon}").exists(), seconds=5)


def test_the_works_exit_code_is_the_commands(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WORK, tmp_path, "7"], timeout=20, check=False)
    assert done.returncode == 7
    assert not any(alive(pid) for pid in pids(tmp_path, "child", "daemon"))
