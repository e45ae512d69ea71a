"""Another version of the agent is on trial until the Master has heard it; else it is returned.

`agent.zip` is always a version that was heard: the machine's boot, new sessions, services and the
watchdog start from it. The version on trial lies beside it until the Master confirms it. So
wherever this is cut off, what is started next is code that is known to work.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from .background import start
from .home import Home, read_json, write_bytes, write_json

LONGEST_ZIP = 16 * 1024 * 1024
SHORTEST_TRIAL, LONGEST_TRIAL = 1, 3600
# A version that begins must listen by then, however long its trial is.
LISTEN_SECONDS = 20
# A pass under way may end; services go on in any case.
STOP_SECONDS = 10
LOOK_SECONDS = 0.1
LONGEST_TAIL = 2000


def trial_zip(home):
    """Return where the version on trial lies."""
    return home.path / "agent-trial.zip"


def _trial_file(home):
    return home.state / "agent-trial.json"


def pending(home):
    """Return the trial under way, or None; without its zip it is over."""
    trial = read_json(_trial_file(home), None)
    return trial if trial and trial_zip(home).exists() else None


def refused(home):
    """Return the version that was returned last, as {version, reason, at}, or {}."""
    return read_json(_refused_file(home), {})


def _refused_file(home):
    return home.state / "agent-refused.json"


# What the running agent does.


def accept(home, version, encoded, seconds):
    """Put a version on trial and have the watchdog start it.

    Raises:
        ValueError: it is too long, or not what its name says.
    """
    if len(encoded) > LONGEST_ZIP * 4 // 3 + 4:
        raise ValueError(f"an agent has at most {LONGEST_ZIP} bytes")
    content = base64.b64decode(encoded, validate=True)
    if hashlib.sha256(content).hexdigest() != version:
        raise ValueError(f"agent {version[:12]} has another checksum")
    seconds = min(max(float(seconds), SHORTEST_TRIAL), LONGEST_TRIAL)
    with _deciding(home):
        if pending(home):
            raise ValueError("another agent is on trial")
        # A trial is a file and a zip: the file of an older one must not meet this zip.
        _trial_file(home).unlink(missing_ok=True)
        write_bytes(trial_zip(home), content, 0o644)
        trial = {"version": version, "seconds": seconds, "until": time.time() + seconds}
        write_json(_trial_file(home), trial)
    watch(home)


def watch(home):
    """Start the watchdog; harmless when there is one."""
    with (home.logs / "agent-start.log").open("ab") as output:
        _spawn(home, home.agent, "watch", output)


def must_yield(home, version):
    """Return whether another version than this one is to run, and have it started."""
    trial = pending(home)
    if trial is None or trial["version"] == version:
        return False
    watch(home)
    return True


def confirm(home, version):
    """Make the version on trial the agent: the Master has heard it."""
    with _deciding(home):
        trial = pending(home)
        if trial and trial["version"] == version:
            os.replace(str(trial_zip(home)), str(home.agent))
            _trial_file(home).unlink()
            _refused_file(home).unlink(missing_ok=True)


def forget(home):
    """Drop a trial: somebody installs the agent by hand."""
    _end(_running(home, home.agent, "watch"), signal.SIGKILL)
    with _deciding(home):
        _trial_file(home).unlink(missing_ok=True)
        _refused_file(home).unlink(missing_ok=True)
    _end(_running(home, trial_zip(home)), signal.SIGKILL)
    trial_zip(home).unlink(missing_ok=True)


# What the watchdog does, from the version that is known to work.


def main(home_path):
    """Start the version on trial; put the former back unless the Master hears the new one."""
    home = Home(home_path)
    with _alone(home) as is_alone:
        trial = pending(home) if is_alone else None
        if trial is None:
            return 0
        stop(home)
        known, why = refused(home), "its time was over before it was heard"
        if known.get("version") == trial["version"]:
            # A watchdog before us was cut off as it put the former back.
            why = known["reason"].partition("\n")[0]
        elif not _is_over(trial):
            why = _observe(home, trial, launch(home))
        if why:
            give_back(home, trial, why)
    return 0


def launch(home):
    """Start the version on trial; what it prints goes to a log of its own."""
    with _log(home).open("wb") as output:
        return _spawn(home, trial_zip(home), "resident", output)


def _observe(home, trial, child):
    """Wait until the trial ends; return why the version must go, or "" when it may stay."""
    listens, patience = False, min(LISTEN_SECONDS, trial["seconds"] / 2)
    listen_until = time.monotonic() + patience
    while True:
        ended = child.poll()
        current = pending(home)
        if current is None or current["version"] != trial["version"]:
            return ""
        if ended is not None:
            return f"it ended by itself with {ended}"
        listens = listens or _listens(home)
        if not listens and time.monotonic() > listen_until:
            return f"it did not listen within {patience:g} seconds"
        if _is_over(trial):
            return "the Master did not hear it within {:g} seconds".format(trial["seconds"])
        time.sleep(LOOK_SECONDS)


def give_back(home, trial, why):
    """End the version on trial, remember why, and start the former again."""
    with _deciding(home):
        current = pending(home)
        if current is None or current["version"] != trial["version"]:
            return
        tail = _log(home).read_bytes()[-LONGEST_TAIL:] if _log(home).exists() else b""
        reason = "\n".join([why, tail.decode("utf-8", "replace").strip()]).strip()
        remember(home, trial["version"], reason)
        _end(_running(home, trial_zip(home)), signal.SIGKILL)
        _trial_file(home).unlink()
        trial_zip(home).unlink()
    start(home, home.agent)


def remember(home, version, reason):
    """Keep which version was returned: it is not asked for again."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    content = {"version": version, "reason": reason, "at": at}
    write_json(_refused_file(home), content)


def stop(home):
    """End the watchdog and the resident, whichever version it is; services go on."""
    _end(_running(home, home.agent, "watch"), signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = [p for z in (home.agent, trial_zip(home)) for p in _running(home, z, "resident")]
        _end(pids, number)


def _end(pids, number):
    """Send a signal and wait for the end."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    until = time.monotonic() + STOP_SECONDS
    while any(_words(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)


def _running(home, agent, command=None):
    """Return the processes that run from a zip on this home, seen from this machine alone."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        words = _words(path.name)
        is_ours = words[1:2] + words[3:4] == [str(agent), str(home.path)]
        if is_ours and command in (None, words[2]) and _is_here(path):
            found.append(int(path.name))
    return [pid for pid in found if pid != os.getpid()]


def _words(pid):
    """Return the command of a process; nothing once it has ended."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(text).rstrip("\0").split("\0") if text else []


def _is_here(path):
    """Return whether a process sees the same files: a container may have a home of the same name."""
    try:
        return os.path.samefile(str(path / "root"), "/")
    except OSError:
        return False


def _is_over(trial):
    """Return whether the time is over; a clock that was set back does not make it longer."""
    now = time.time()
    return not trial["until"] - trial["seconds"] - 1 <= now <= trial["until"]


def _listens(home):
    with socket.socket(socket.AF_UNIX) as peer:
        try:
            peer.connect(str(home.socket))
        except OSError:
            return False
    return True


def _log(home):
    return home.logs / "agent-trial.log"


def _spawn(home, agent, command, output):
    """Start a command of the agent, not ended with us."""
    return subprocess.Popen(
        [sys.executable, str(agent), command, str(home.path)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        cwd=str(home.path),
    )


@contextlib.contextmanager
def _deciding(home):
    """One decision about a trial at a time: it cannot be confirmed and returned."""
    with (home.run / "trial.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _alone(home):
    """Be the only watchdog; the one before may still be ending."""
    with (home.run / "watch.lock").open("w") as file:
        until = time.monotonic() + 2
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    yield False
                    return
                time.sleep(LOOK_SECONDS)
            else:
                break
        yield True
