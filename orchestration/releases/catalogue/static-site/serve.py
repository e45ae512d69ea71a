"""Serve a directory of files over HTTP; standard library only."""

import argparse
import functools
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Quiet(SimpleHTTPRequestHandler):
    """Logs errors only: every access would fill the partition's disk."""

    timeout = 30

    def log_request(self, code="-", size="-"):
        """Say nothing about what went well."""

    def list_directory(self, path):
        """Show no listings."""
        self.send_error(404)


def main():
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", required=True)
    asked = parser.parse_args()
    handler = functools.partial(Quiet, directory=asked.directory)
    with ThreadingHTTPServer((asked.address, asked.port), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
