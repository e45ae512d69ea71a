"""A service cannot run twice: who finds its lock taken ends the orphan first."""

# mypy: disable-error-code="no-untyped-call"

import os
import signal
import subprocess
import sys
from pathlib import Path

from orchestration.node_agent.home import Home, write_json
from tests.agent.home import a_home

ROOT = Path(__file__).resolve().parents[2]
SHIM = "import sys; from orchestration.node_agent.shim import main; main(*sys.argv[1:])"


def started(home: Home, code: str) -> subprocess.Popen[str]:
    """Start the service under the shim, and wait for the number that it prints first."""
    (home.state / "services").mkdir(exist_ok=True)
    spec = {
        "partition": "p0",
        "cgroup": "tenantry-unit-test",
        "user": "",
        "directory": str(home.path),
        "command": [sys.executable, "-uc", code],
        "environment": {},
        "limits": {"RLIMIT_NOFILE": 64},
    }
    write_json(home.state / "services" / "p0.web.json", spec)
    # Without root there are no control groups to join.
    without = "import os; os.geteuid = lambda: 1000; " + SHIM
    return subprocess.Popen(
        [sys.executable, "-c", without, str(home.path), "p0.web"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env={"PATH": os.environ["PATH"], "SECRET_CANARY": "x"},
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_copy_ends_the_first(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    code = "import os, time; print(os.getpid()); time.sleep(300)"
    first = started(home, code)
    assert said(first) == str(first.pid), "the service is the shim's own process"
    second = started(home, code)
    try:
        assert said(second) == str(second.pid)
        assert first.wait(10) == -signal.SIGTERM
        assert (home.run / "p0.web.lock").read_text().strip() == str(second.pid)
    finally:
        second.kill()
        second.wait(10)


def test_the_lock_goes_with_the_service(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    for _ in range(2):
        process = started(home, "print('ran')")
        assert said(process) == "ran"
        assert process.wait(10) == 0


def test_a_service_gets_its_limits_and_nothing_of_our_environment(tmp_path: Path) -> None:
    code = (
        "import os, resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], "
        "os.environ.get('SECRET_CANARY'), os.environ['HOME'], os.getcwd())"
    )
    home = a_home(tmp_path)
    process = started(home, code)
    assert said(process) == f"64 None {home.path} {home.path}"
    process.wait(10)


def test_a_service_that_nobody_set_is_not_started(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SHIM, str(home.path), "p0.none"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "no such service: p0.none\n")
