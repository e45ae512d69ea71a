"""`python -m config.embedded run | test | with-servers`: the commands behind ./run and ./test."""

import argparse
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from config.embedded import system
from config.embedded.environment import environment
from config.embedded.guard import guarded
from config.embedded.places import ROOT, Places, places
from config.embedded.processes import keep_short
from config.embedded.supervisor import Supervisor, say

VAR = Path(os.environ.get("TENANTRY_VAR", str(ROOT / "var")))


class Interrupted(Exception):
    """Somebody asked us to stop."""


def main() -> int:
    """Dispatch."""
    command, *rest = sys.argv[1:] or ["run"]
    commands = {"run": run, "test": test, "with-servers": with_servers}
    if command not in commands:
        sys.exit(f"There is no command {command!r}: {', '.join(commands)}.")
    return guarded(lambda: _interruptible(commands[command], rest))


def _interruptible(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return command(arguments)
    except RuntimeError as error:
        sys.exit(str(error))
    except Interrupted:
        return 130


def _interrupt(number: int, frame: FrameType | None) -> None:
    _shield()
    raise Interrupted


@contextmanager
def _alone(here: Places, *, wait: bool) -> Iterator[None]:
    """Hold these places: two systems on the same files would ruin each other.

    Args:
        wait: for the other one to end, instead of refusing.
    """
    with (here.var / "running.lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                sys.exit(f"Tenantry runs already with {here.var}: stop that one first.")
            say(f"Another one uses {here.var}: waiting for it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def run(arguments: Sequence[str]) -> int:
    """Start everything, tell the story once, and stay until interrupted (unless --once)."""
    parser = argparse.ArgumentParser(prog="./run")
    parser.add_argument("--once", action="store_true", help="do the main job once and stop")
    parser.add_argument("--port", type=int, default=8000, help="the portal's port")
    parser.add_argument("--no-demo", action="store_true", help="start without the demo")
    asked = parser.parse_args(arguments)
    here = places(VAR)
    with _alone(here, wait=False):
        return _run(here, asked)


def _run(here: Places, asked: argparse.Namespace) -> int:
    if _taken(asked.port):
        sys.exit(f"Port {asked.port} is taken: choose another one with --port.")
    env = environment(here, port=asked.port)
    supervisor = Supervisor(system.servers(here, env))
    code, summary = 0, ""
    try:
        say("Starting the system")
        supervisor.run_up()
        say("  … tables and static files")
        system.prepare(here, env)
        after = Supervisor(system.programs(here, env, port=asked.port))
        supervisor.services += after.services
        after.run_up()
        if not asked.no_demo:
            code, summary = _tell(env, once=asked.once, supervisor=supervisor)
        if not asked.once:
            say(f"\nThe portal is open at http://127.0.0.1:{asked.port} (Ctrl-C stops everything)")
            _stay(supervisor, here)
    except Interrupted:
        say("\nStopping")
    finally:
        _shield()
        _stop_node(here)
        supervisor.run_down()
    if summary:
        say(summary)
    return code


def _tell(env: Mapping[str, str], *, once: bool, supervisor: Supervisor) -> tuple[int, str]:
    """Run the demo; return its code and, with --once, its last line, to be our last line."""
    command = [sys.executable, str(ROOT / "manage.py"), "demo", *(["--once"] if once else [])]
    process = subprocess.Popen(
        command,
        env=dict(env),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if lines:
                say(lines[-1])
            lines.append(line.rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            supervisor.look_after(process.pid)
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            process.kill()
    reader.join(10)
    last = lines[-1] if lines else ""
    if once and last.startswith("{"):
        return process.returncode, last
    say(last)
    return process.returncode, ""


def _stay(supervisor: Supervisor, here: Places) -> None:
    while True:
        supervisor.look_after()
        for log in here.logs.glob("*.log"):
            keep_short(log)
        time.sleep(0.5)


def _shield() -> None:
    """While stopping, further signals wait."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _stop_node(here: Places) -> None:
    """Stop what the local node runs: it lives on this machine and ends with the system."""
    home = here.agent_home
    agent = home / "agent.zip"
    if agent.exists():
        subprocess.run(
            [sys.executable, str(agent), "halt", str(home)],
            timeout=30,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _with_servers(here: Places, commands: Sequence[Sequence[str]]) -> list[int]:
    """Run commands beside PostgreSQL and Redis of their own; return their exit codes."""
    env = environment(here, port=8000)
    env["CI_VAR"] = str(here.var)
    supervisor = Supervisor(system.servers(here, env, durable=False))
    with _alone(here, wait=True):
        try:
            supervisor.run_up()
            return [_call(command, env, supervisor) for command in commands]
        finally:
            _shield()
            supervisor.run_down()


def _call(command: Sequence[str], env: Mapping[str, str], supervisor: Supervisor) -> int:
    process = subprocess.Popen([*command], env=dict(env), cwd=ROOT)
    try:
        while process.poll() is None:
            supervisor.look_after(process.pid)
            time.sleep(0.05)
        return process.returncode
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


def with_servers(command: Sequence[str]) -> int:
    """Run one command beside the servers: `make check` needs a database."""
    return max(_with_servers(places(VAR / "test"), [command]))


def test(arguments: Sequence[str]) -> int:
    """Run pytest: everything in three parts, or once with the caller's arguments.

    Tests on SSH hosts mostly wait, and a file's tests share their hosts: two files at a time. Those
    in the browser start many processes each: one at a time.
    """
    pytest = [sys.executable, "-m", "pytest"]
    parts = [[*pytest, *arguments]]
    if not arguments:
        pytest.append("--durations=15")
        parts = [
            [*pytest, "-n", "2", "-m", "not (fleet or browser)"],
            [*pytest, "-n", "2", "--dist", "loadfile", "-m", "fleet and not browser"],
            [*pytest, "-m", "browser"],
        ]
    codes = _with_servers(places(VAR / "test"), parts)
    # 5: nothing collected, which one of the parts may say.
    failed = [code for code in codes if code not in ((0, 5) if len(codes) > 1 else (0,))]
    return failed[0] if failed else 0


if __name__ == "__main__":
    sys.exit(main())
