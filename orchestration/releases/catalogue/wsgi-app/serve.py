"""Run a WSGI application from its source: `serve.py LIBRARIES CONFIGURATION`.

Another version is fetched and installed beside the one that runs, and takes over when it has
started; when it does not, the one before goes on and the state says why.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from failure import Failed
from server import Counts, Server
from versions import Version, prune

PERIOD_SECONDS = 0.3
FIRST_WAIT, LONGEST_WAIT = 5, 900
BACKLOG = 512
# What the application finds of ours, beside what the customer gives.
PASSED = ("PATH", "LANG", "TZ", "HOME")


class Application:
    """What is asked for, what runs, and what is under way between the two."""

    def __init__(self, libraries, config):
        self.libraries, self.config = libraries, config
        self.place = config.parent
        self.versions = self.place / "versions"
        self.versions.mkdir(exist_ok=True)
        self.good = self.place / "running.json"
        self.seen, self.asked = None, None
        self.server, self.change = None, None
        self.problem, self.failures, self.due_at = "", 0, 0.0
        self.ended = threading.Event()

    def run(self):
        """Serve until ended."""
        # What was told before we were here is no answer any more.
        (self.place / "state.json").unlink(missing_ok=True)
        self._read()
        addresses = self.asked["addresses"].split(",")
        self.listeners = [listening(one, self.asked["port"]) for one in addresses]
        self.counts = Counts(self.place / "data" / "requests")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ended.set())
        self._start_former()
        while not self.ended.wait(PERIOD_SECONDS):
            self.tick()
        if self.server:
            self.server.stop()
        self.counts.save()

    def tick(self):
        """Bring what runs one step nearer to what is asked."""
        self._read()
        if self.change is not None and not self.change.is_alive():
            self.change = None
        is_down = self.server is None or not self.server.is_running()
        is_other = is_down or self.server.version.asked != self.asked
        if self.change is None and is_other and time.monotonic() >= self.due_at:
            self.change = threading.Thread(target=self._change, args=(self.asked,), daemon=True)
            self.change.start()
        self.counts.save()
        self._tell()

    def _read(self):
        """Read what is asked when its file was replaced: then nothing is waited for any more."""
        facts = self.config.stat()
        seen = [facts.st_mtime_ns, facts.st_ino, facts.st_size]
        if seen != self.seen:
            self.seen, self.asked = seen, json.loads(self.config.read_text())
            self.problem, self.failures, self.due_at = "", 0, 0.0

    def _start_former(self):
        """Serve at once with the version that ran last; what is new is made beside it."""
        if not self.good.exists():
            return
        # Where the database is, is not of the version: that of before may be gone.
        asked = dict(json.loads(self.good.read_text()), database_url=self.asked["database_url"])
        version = Version(self.versions, asked)
        if version.is_ready():
            self._replace(version)

    def _change(self, asked):
        version = Version(self.versions, asked)
        try:
            version.install(self._environment(asked))
            self._start(version)
            self.problem, self.failures = "", 0
        except Exception as error:
            # Whatever it is: a version that fails is never tried again at once.
            self._failed(asked, version, error)

    def _failed(self, asked, version, error):
        """Say it, and try again later and later; what is asked meanwhile is tried at once."""
        self.failures += 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self.failures - 1))
        if asked == self.asked:
            self.due_at = time.monotonic() + wait
            self.problem = f"version {version.label}: {error}"[:500]
        sys.stdout.write(f"version {version.label}: {error}\n")
        sys.stdout.flush()

    def _replace(self, version):
        try:
            self._start(version)
        except (Failed, OSError) as error:
            self._failed(version.asked, version, error)

    def _start(self, version):
        """Start a version beside the one that runs; then that one ends with what it has begun."""
        server = Server(version, self.libraries, self.listeners, self.counts)
        server.start(self._environment(version.asked))
        former, self.server = self.server, server
        write(self.good, version.asked)
        if former:
            former.stop()
        prune(self.versions, version.name)

    def _environment(self, asked):
        mine = {name: os.environ[name] for name in PASSED if name in os.environ}
        mine.setdefault("PATH", os.defpath)
        mine.setdefault("HOME", str(self.place))
        made = {"DATABASE_URL": asked["database_url"], "SECRET_KEY": asked["secret"]}
        return {**mine, **made, **asked["environment"]}

    def _tell(self):
        """Write the state for the promise; its age says whether we still look."""
        running = self.server.version if self.server and self.server.is_running() else None
        is_same = running is not None and running.asked == self.asked
        state = {
            "asked": Version(self.versions, self.asked).label,
            "running": running.label if running else "",
            "is_as_asked": is_same,
            "problem": self.problem,
            "seen": self.seen,
        }
        path = self.place / "state.json"
        if not path.exists() or json.loads(path.read_text()) != state:
            write(path, state)
        os.utime(path)


def listening(address, port):
    """Return the socket on which every version takes requests."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    return listener


def write(path, value):
    """Replace a file as a whole; it is for us alone, since it holds passwords."""
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(value, file)
    new.rename(path)


if __name__ == "__main__":
    Application(Path(sys.argv[1]), Path(sys.argv[2]).resolve()).run()
    # A version that is being fetched is not waited for: it is begun anew next time.
    os._exit(0)
