"""Write the next number and the time into a file ten times a second; answer with the last one."""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

place, address, port = sys.argv[1:]
file = Path(place) / "count"
if (Path(place) / "broken").exists():
    sys.exit("the data are broken")
lines = file.read_text().splitlines() if file.exists() else []
last = [int(lines[-1].split()[0]) if lines else 0]


def count() -> None:
    with file.open("a") as out:
        while True:
            last[0] += 1
            out.write(f"{last[0]} {time.time()}\n")
            out.flush()
            os.fsync(out.fileno())
            time.sleep(0.1)


class Answer(BaseHTTPRequestHandler):
    """Says how far it has counted."""

    def do_GET(self) -> None:
        text = str(last[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


threading.Thread(target=count, daemon=True).start()
HTTPServer((address, int(port)), Answer).serve_forever()
