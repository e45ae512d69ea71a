"""The resident agent: one process that goes on converging, with the Master or without."""

import fcntl
import logging
import logging.handlers
import os
import signal
import socket
import threading
import time

from . import calls, upgrade
from .home import Home
from .node import Node
from .protocol import LONGEST_LINE, answer

TICK_SECONDS = 1.0
# While something is being changed, look again at once.
BUSY_SECONDS = 0.15
IDLE_CONNECTION_SECONDS = 600
MOST_CONNECTIONS = 16
log = logging.getLogger("tenantry")


def main(home_path, version):
    """Run until ended; a second copy ends at once, and so does one that another is to follow."""
    home = Home(home_path)
    home.make()
    if upgrade.must_yield(home, version):
        return 0
    lock = os.open(str(home.run / "agent.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    handler = logging.handlers.RotatingFileHandler(
        str(home.logs / "agent.log"), maxBytes=1000000, backupCount=1
    )
    logging.basicConfig(
        level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(message)s"
    )
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return Resident(home, version).run()


class Resident:
    """The loop, and the socket on which sessions ask."""

    def __init__(self, home, version):
        self.home = home
        self.node = Node(home, version)
        self.wake = threading.Event()
        self.ends = threading.Event()
        self.places = threading.Semaphore(MOST_CONNECTIONS)
        self.node.wake = self.wake.set

    def run(self):
        """Converge and measure until told to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        threading.Thread(target=self._serve, daemon=True).start()
        if calls.is_set(self.home):
            caller = calls.Caller(self.home, self._reply, self.ends)
            threading.Thread(target=caller.run, daemon=True).start()
        log.info("agent %s begins", self.node.version[:12])
        while not self.ends.is_set():
            there = self._pass()
            self.wake.wait(TICK_SECONDS if there else BUSY_SECONDS)
            self.wake.clear()
        log.info("agent ends; services go on")
        return 0

    def stop(self):
        """End the loop; what runs is left running."""
        self.ends.set()
        self.wake.set()

    def _pass(self):
        """Make one pass; a failure is logged and tried again, it never ends the loop."""
        try:
            there = self.node.converge()
            self.node.measure()
            self.node.look_around()
            return there
        except Exception:
            log.exception("a pass failed")
            time.sleep(TICK_SECONDS)
            return False

    def _serve(self):
        path = self.home.socket
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            os.chmod(str(path), 0o600)
            server.listen(MOST_CONNECTIONS)
            while not self.ends.is_set():
                client, _ = server.accept()
                self.places.acquire()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        try:
            client.settimeout(IDLE_CONNECTION_SECONDS)
            with client, client.makefile("rb") as lines:
                while True:
                    line = lines.readline(LONGEST_LINE + 1)
                    if not line.endswith(b"\n"):
                        if len(line) > LONGEST_LINE:
                            client.sendall(answer(self.node, line))
                        return
                    client.sendall(self._reply(line))
        except OSError as error:
            log.info("a session ended: %s", error)
        finally:
            self.places.release()

    def _reply(self, line):
        """Answer one line of the Master; what it gave is put to use at once."""
        reply = answer(self.node, line)
        if b'"op": "accepted"' in reply[:40]:
            self.wake.set()
        return reply
