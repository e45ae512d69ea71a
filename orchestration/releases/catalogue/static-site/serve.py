"""Serve a directory of files over HTTP and count the requests; standard library only."""

import argparse
import functools
import os
import signal
import socket
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

WRITE_SECONDS = 1
# Whether the page answers is asked all day long: nobody pays for that.
NOT_COUNTED = "tenantry-promise"


class Count:
    """A number that goes on where it stood, whatever restarts; on disk within a second."""

    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()
        try:
            with open(path) as file:
                self.number = int(file.read())
        except (FileNotFoundError, ValueError):
            self.number = 0
        self.written = None

    def add(self):
        """Count one."""
        with self.lock:
            self.number += 1

    def write(self):
        """Put the number on disk, as a whole or not at all."""
        with self.lock:
            if self.number == self.written:
                return
            with open(self.path + ".new", "w") as file:
                file.write(f"{self.number}\n")
            os.replace(self.path + ".new", self.path)
            self.written = self.number

    def keep(self, ends):
        """Write until told to end; a full disk is tried again."""
        while not ends.wait(WRITE_SECONDS):
            self.try_to_write()

    def try_to_write(self):
        """Put the number on disk; a full disk stops no page."""
        try:
            self.write()
        except OSError as error:
            sys.stderr.write(f"requests are not written: {error}\n")


class Quiet(SimpleHTTPRequestHandler):
    """Logs errors only: every access would fill the partition's disk."""

    timeout = 30

    def __init__(self, *args, count, **more):
        self.count = count
        super().__init__(*args, **more)

    def parse_request(self):
        """Count what is asked."""
        is_read = super().parse_request()
        if is_read and self.headers.get("User-Agent") != NOT_COUNTED:
            self.count.add()
        return is_read

    def log_request(self, code="-", size="-"):
        """Say nothing about what went well."""

    def list_directory(self, path):
        """Show no listings."""
        self.send_error(404)


class Server(ThreadingHTTPServer):
    """Listens on one address, of IPv4 or IPv6."""

    daemon_threads = True

    def __init__(self, address, port, handler):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), handler)


def main():
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--addresses", required=True, help="one or more, with commas")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--requests", required=True)
    asked = parser.parse_args()
    count, ends = Count(asked.requests), threading.Event()
    count.try_to_write()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=count.keep, args=(ends,), daemon=True).start()
    handler = functools.partial(Quiet, directory=asked.directory, count=count)
    first, *others = [Server(one, asked.port, handler) for one in asked.addresses.split(",")]
    try:
        for server in others:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        first.serve_forever()
    finally:
        ends.set()
        count.try_to_write()


if __name__ == "__main__":
    main()
