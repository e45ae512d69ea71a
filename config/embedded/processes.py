"""Child processes that die with their parent."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str],
    user: str | None = None,
    death: signal.Signals = signal.SIGTERM,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own.

    Args:
        user: run as this user (only root may ask for it).
        death: the signal that the kernel sends it when this process dies, however it dies.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    _keep_short(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            process_group=0,
            preexec_fn=_die_with_parent(death, os.getpid()),
        )


def _die_with_parent(death: signal.Signals, parent: int) -> Callable[[], None]:
    def before_exec() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death))
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


def _keep_short(log: Path, most: int = 5 * 1024 * 1024) -> None:
    """Keep one old log when the log has grown."""
    if log.exists() and log.stat().st_size > most:
        log.replace(log.with_suffix(".old.log"))


def stop(process: subprocess.Popen[bytes], *, how: signal.Signals, seconds: float) -> None:
    """Ask a process to end; after the time, kill its whole group."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        kill_group(process.pid)
        process.wait(5)


def kill_group(pid: int) -> None:
    """Kill what is left of a process group that we started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
