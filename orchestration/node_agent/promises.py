"""Small checks that a service declares: each passes or fails with a message."""

import base64
import http.client
import os
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from contextlib import contextmanager
from urllib.parse import urlsplit

SECONDS = 5
MOST_BYTES = 1024 * 1024
ENVIRONMENT = ("PATH", "LANG", "TZ")
LONGEST_MESSAGE = 200

# Where a command runs: its directory, its (uid, gid) or None, and what puts it into its group.
Place = namedtuple("Place", "directory owner join")


def run(promise, place=None):
    """Run one promise whose values are filled in; return (passes, message)."""
    try:
        if promise["kind"] == "port":
            return _port(promise)
        if promise["kind"] == "command":
            return _command(promise, place)
        return _http(promise)
    except (OSError, ValueError, http.client.HTTPException, subprocess.SubprocessError) as error:
        return False, f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]


def _port(promise):
    port, seconds = int(promise["port"]), promise.get("seconds", SECONDS)
    with socket.create_connection((promise["address"], port), timeout=seconds):
        return True, f"port {port} answers"


def _command(promise, place):
    """Run a command as the services run; it passes when it ends with 0 in time."""
    seconds = promise.get("seconds", SECONDS)
    environment = promise.get("environment", {})
    with tempfile.TemporaryFile() as said:
        code = ended(promise["command"], place, environment, said, seconds)
        if code is None:
            return False, f"took longer than {seconds} s"
        if code == 0:
            return True, "ended with 0"
        said.seek(0)
        lines = said.read(MOST_BYTES).decode("utf-8", "replace").split("\n")
        last = ([""] + [line.strip() for line in lines if line.strip()])[-1]
        return False, f"ended with {code}: {last}"[:LONGEST_MESSAGE]


def ended(command, place, more, said, seconds):
    """Return the exit code of a command, or None when its time was over; nothing of it stays.

    Args:
        more: variables of the environment beside the few that every service has.
        said: the open file that takes what it says.
    """
    environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
    environment.update(more)
    environment["HOME"] = place.directory

    def become():
        place.join()
        os.umask(0o027)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
        if place.owner:
            os.setgroups([])
            os.setgid(place.owner[1])
            os.setuid(place.owner[0])

    process = subprocess.Popen(
        command,
        cwd=place.directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=become,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()


def _http(promise):
    parts = urlsplit(promise["url"])
    seconds = promise.get("seconds", SECONDS)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=seconds)
    headers = {"User-Agent": "tenantry-promise"}
    if promise.get("user"):
        pair = "{}:{}".format(promise["user"], promise.get("password", ""))
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    began = time.monotonic()
    try:
        connection.connect()
        with _at_most(connection.sock, seconds):
            connection.request("GET", parts.path or "/", headers=headers)
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()
    took = int(1000 * (time.monotonic() - began))
    if took >= 1000 * seconds:
        return False, f"took longer than {seconds} s"
    wanted = promise.get("status", 200)
    if answer.status != wanted:
        return False, f"answered {answer.status}, promised {wanted}"
    if promise.get("contains", "") not in body:
        return False, "the answer does not contain what was promised"
    return True, f"answered {answer.status} in {took} ms"


@contextmanager
def _at_most(line, seconds):
    """Cut a connection off after its time: who sends byte by byte would hold up the whole node."""
    cut = threading.Timer(seconds, _cut, [line])
    cut.daemon = True
    cut.start()
    try:
        yield
    finally:
        cut.cancel()


def _cut(line):
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
