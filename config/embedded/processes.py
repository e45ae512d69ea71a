"""Child processes that die with their parent."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import time
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
    keep_short(log)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
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


def keep_short(log: Path, most: int = 5 * 1024 * 1024) -> None:
    """Keep one old copy when a log has grown; who writes to it goes on (all of them append)."""
    if log.exists() and log.stat().st_size > most:
        shutil.copyfile(log, log.with_suffix(".old"))
        os.truncate(log, 0)


def await_ready(
    process: subprocess.Popen[bytes], ready: Callable[[], bool], *, log: Path, seconds: float
) -> None:
    """Wait until a program is ready; one that never is does not stay.

    Raises:
        RuntimeError: it ended or took too long; with the end of its log.
    """
    until = time.monotonic() + seconds
    try:
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"It is not ready ({log.name} ends so):\n{tail}")
            time.sleep(0.05)
    except BaseException:
        kill_group(process.pid)
        process.wait(5)
        raise
    if process.poll() is not None:
        raise RuntimeError(f"Something else answers in its place: see {log}")


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
