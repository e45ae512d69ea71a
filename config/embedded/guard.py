"""Two processes that watch each other, so that nothing outlives the command.

The outer one, which the shell knows, waits; the inner one works. Both adopt what detaches itself
from its parent (a node's daemon, for example). When either dies, even by SIGKILL, the other ends
everything that was started.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Container
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_ORPHANED = signal.SIGUSR1
_END_SECONDS = 4.0


def guarded(work: Callable[[], int]) -> int:
    """Run the work in a child; return its exit code when all that it started has ended."""
    _adopt_orphans()
    outer = os.getpid()
    inner = os.fork()
    if inner == 0:
        os._exit(_inside(work, outer))
    _forward_signals(inner)
    code = _await(inner)
    end_descendants()
    return code


def _inside(work: Callable[[], int], outer: int) -> int:
    signal.signal(_ORPHANED, _end_all)
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(_ORPHANED))
    _adopt_orphans()
    if os.getppid() != outer:
        return 1
    code = 1
    try:
        code = work()
    except SystemExit as ending:
        code = _code(ending)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return code


def _code(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    sys.stderr.write(f"{ending.code}\n")
    return 1


def _end_all(number: int, frame: FrameType | None) -> None:
    end_descendants()
    os._exit(1)


def _adopt_orphans() -> None:
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _forward_signals(inner: int) -> None:
    def forward(number: int, frame: FrameType | None) -> None:
        os.kill(inner, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)


def _await(inner: int) -> int:
    """Wait for the worker and reap whatever was left to us meanwhile."""
    while True:
        pid, status = os.wait()
        if pid == inner:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def reap(mine: Container[int]) -> None:
    """Bury adopted processes that ended; our own are left to those who wait for them."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid in mine:
            return
        os.waitpid(found.si_pid, 0)


def end_descendants() -> None:
    """Kill everything below this process; PostgreSQL recovers from that at its next start."""
    until = time.monotonic() + _END_SECONDS
    while (found := descendants(os.getpid())) and time.monotonic() < until:
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap(())
        time.sleep(0.02)


def descendants(root: int) -> list[int]:
    """Return the processes below one, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def _parent(process: Path) -> int:
    """Return the parent's id; 0 when the process has gone meanwhile."""
    try:
        # The name, in brackets, may hold anything.
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return 0
