"""Becomes one service, of which there can be no second copy.

supervisord that was killed leaves its services behind and starts them again when it comes back. A
lock that each service inherits tells: who finds it taken ends the orphan first.
"""

import fcntl
import os
import pwd
import resource
import signal
import sys
import time

from .cgroups import Cgroups
from .home import Home, read_json

WAIT_SECONDS = 15
LONGEST_NUMBER = 20
ENVIRONMENT = ("PATH", "LANG", "TZ")


def main(home_path, name):
    """Take the lock, drop to the partition's user, and become the service."""
    home = Home(home_path)
    spec = read_json(home.state / "services" / (name + ".json"), None)
    if spec is None:
        sys.exit("no such service: " + name)
    lock = _take(home.run / (name + ".lock"))
    os.set_inheritable(lock, True)
    Cgroups(spec["cgroup"]).join(spec["partition"])
    for limit, value in spec["limits"].items():
        kind = getattr(resource, limit)
        resource.setrlimit(kind, (value, value))
    environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
    environment.update(spec["environment"])
    environment["HOME"] = spec["directory"]
    os.umask(0o027)
    os.chdir(spec["directory"])
    if spec["user"]:
        user = pwd.getpwnam(spec["user"])
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.execvpe(spec["command"][0], spec["command"], environment)


def _take(path):
    """Return the descriptor of the lock; the holder, an orphan, is ended."""
    handle = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + WAIT_SECONDS
    how = signal.SIGTERM
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                sys.exit(f"an orphan holds {path} and does not end")
            _end(handle, how)
            time.sleep(0.2)
            if time.monotonic() > until - WAIT_SECONDS / 2:
                how = signal.SIGKILL
    # Over what stood there: a service that died comes back although the disk is full.
    os.pwrite(handle, str(os.getpid()).ljust(LONGEST_NUMBER).encode(), 0)
    return handle


def _end(handle, how):
    """Signal the group of the process that wrote its number into the lock."""
    text = os.pread(handle, LONGEST_NUMBER, 0).decode().strip()
    if text.isdigit() and int(text) > 1:
        try:
            os.killpg(int(text), how)
        except (ProcessLookupError, PermissionError):
            return
