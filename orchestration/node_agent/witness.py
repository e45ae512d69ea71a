"""Try to reach other nodes for the Master, who cannot: whether they greet is all that is asked."""

import socket
import threading

from .clock import clock

EVERY_SECONDS = 10
CONNECT_SECONDS = 5


class Witness:
    """Which nodes are looked at, and whether each greeted at the last look."""

    def __init__(self, node):
        self.node = node
        self.seen = {}
        self.thread, self.looked_at = None, None

    def look(self, desired):
        """Look again, in the background, when it is time."""
        wanted = desired.get("witness", [])
        names = {one["node"] for one in wanted}
        self.seen = {name: seen for name, seen in self.seen.items() if name in names}
        is_busy = self.thread is not None and self.thread.is_alive()
        is_new = bool(names - set(self.seen))
        is_time = self.looked_at is None or clock.monotonic() - self.looked_at >= EVERY_SECONDS
        if wanted and not is_busy and (is_new or is_time):
            self.looked_at = clock.monotonic()
            self.thread = threading.Thread(target=self._look_all, args=(wanted,), daemon=True)
            self.thread.start()

    def _look_all(self, wanted):
        found = {one["node"]: greets(one["address"], one["port"]) for one in wanted}
        is_news = found != self.seen
        self.seen = found
        if is_news:
            self.node.wake()


def greets(address, port):
    """Return whether an SSH server answers there."""
    try:
        with socket.create_connection((address, port), timeout=CONNECT_SECONDS) as line:
            line.settimeout(CONNECT_SECONDS)
            return line.recv(4) == b"SSH-"
    except OSError:
        return False
