"""One running server of the application: started on the sockets that all versions share."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from failure import Failed

START_SECONDS = 60
STOP_SECONDS = 6
TAIL_LINES = 20
RUN = Path(__file__).with_name("run.py")


class Server:
    """A process with its workers; it counts when all of them have the application loaded."""

    def __init__(self, version, libraries, listeners, counts):
        self.version = version
        self.libraries = libraries
        self.sockets = [one.fileno() for one in listeners]
        self.counts = counts
        self.process = None
        self.tail = deque(maxlen=TAIL_LINES)

    def start(self, environment):
        """Start it and wait until every worker has loaded the application.

        Raises:
            Failed: with the last words of the one that did not.
        """
        readable, writable = os.pipe()
        asked = self.version.asked
        run = {name: asked[name] for name in ("module", "workers", "threads", "forwarded_from")}
        run.update(sockets=self.sockets, ready=writable, counts=self.counts.writable)
        mine = self.version.environment(environment)
        try:
            # It keeps the lock that says that this service runs: there is never a second one.
            self.process = subprocess.Popen(
                [str(self.version.python), str(RUN), str(self.libraries)],
                cwd=self.version.root,
                env=dict(mine, TENANTRY_RUN=json.dumps(run)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                close_fds=False,
                preexec_fn=lambda: inherit(*self.sockets, writable, self.counts.writable),
            )
        finally:
            os.close(writable)
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._await(readable, asked["workers"])
        except Failed:
            self.stop()
            raise
        finally:
            os.close(readable)

    def _read(self):
        """Pass on what it prints, and keep the last of it."""
        for line in self.process.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            self.tail.append(line.decode("utf-8", "replace").strip())

    def _await(self, readable, workers):
        os.set_blocking(readable, False)
        until, ready = time.monotonic() + START_SECONDS, 0
        while ready < workers:
            if not self.is_running():
                raise Failed(f"it does not start: {self._why()}")
            if time.monotonic() > until:
                raise Failed(f"it is not loaded after {START_SECONDS} seconds")
            time.sleep(0.05)
            try:
                ready += len(os.read(readable, workers))
            except BlockingIOError:
                continue

    def _why(self):
        """Return the line that tells most: that of the error."""
        time.sleep(0.1)
        told = [line for line in self.tail if line and not line.startswith("[")]
        return (told[-1] if told else "it said nothing")[:300]

    def is_running(self):
        """Say whether its first process is there."""
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Let it answer what it has begun, then end it."""
        if not self.is_running():
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for child in [*children_of(self.process.pid), self.process.pid]:
                end(child)
            self.process.wait()


class Counts:
    """Requests answered, for the bill; each worker tells them with a byte through one pipe."""

    def __init__(self, path):
        self.path = path
        self.readable, self.writable = os.pipe()
        self.number = int(path.read_text()) if path.exists() else 0
        self.saved = self.number
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while told := os.read(self.readable, 65536):
            self.number += len(told)

    def save(self):
        """Write the number when it is another: as a whole, and never smaller."""
        number = self.number
        if number == self.saved and self.path.exists():
            return
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(str(number))
        new.rename(self.path)
        self.saved = number


def inherit(*descriptors):
    """Leave these open for the program that is about to start."""
    for one in descriptors:
        os.set_inheritable(one, True)


def children_of(pid):
    """Return the processes that this one started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split()]


def end(pid):
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
