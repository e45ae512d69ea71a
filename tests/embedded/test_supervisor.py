"""Services start in order, come back when they die, and stop in the other order."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from config.embedded.processes import await_ready, keep_short, spawn
from config.embedded.supervisor import Service, Supervisor
from tests.embedded.waiting import alive, until


def sleeper(tmp_path: Path, name: str, calls: list[str]) -> Callable[[], subprocess.Popen[bytes]]:
    def start() -> subprocess.Popen[bytes]:
        calls.append(name)
        return spawn(["sleep", "600"], log=tmp_path / f"{name}.log", environment={})

    return start


def test_services_start_in_order_and_all_stop(tmp_path: Path) -> None:
    calls: list[str] = []
    services = [Service(name, sleeper(tmp_path, name, calls)) for name in ("first", "second")]
    supervisor = Supervisor(services)
    supervisor.run_up()
    started = [service.process.pid for service in services if service.process]
    supervisor.run_down()
    assert calls == ["first", "second"]
    assert [alive(pid) for pid in started] == [False, False]


def test_a_killed_service_comes_back_and_waits_longer_each_time(tmp_path: Path) -> None:
    calls: list[str] = []
    service = Service("one", sleeper(tmp_path, "one", calls))
    supervisor = Supervisor([service])
    supervisor.run_up()
    assert service.process
    service.process.kill()

    def back() -> bool:
        supervisor.look_after()
        return len(calls) == 2

    until(back, seconds=5)
    assert service.process.poll() is None
    assert service.deaths == 1
    supervisor.run_down()


def test_a_program_that_never_gets_ready_does_not_stay(tmp_path: Path) -> None:
    log = tmp_path / "never.log"
    process = spawn(["sh", "-c", "echo why; exec sleep 600"], log=log, environment={})
    with pytest.raises(RuntimeError, match="why"):
        await_ready(process, lambda: False, log=log, seconds=0.5)
    assert process.returncode == -signal.SIGKILL


def test_another_program_that_answers_is_not_taken_for_ours(tmp_path: Path) -> None:
    log = tmp_path / "dead.log"
    process = spawn(["false"], log=log, environment={})
    process.wait(5)
    with pytest.raises(RuntimeError, match="Something else answers"):
        await_ready(process, lambda: True, log=log, seconds=5)


def test_a_log_has_a_bound_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        keep_short(log, most=50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "service.old").read_bytes() == b"x" * 100
