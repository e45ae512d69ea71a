"""A register of VAT numbers for tests: right, down, slow, dripping or wrong, as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Register(ThreadingHTTPServer):
    """Answers every question with `answer`; keeps the questions."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Any = {"valid": True, "requestIdentifier": "WAPIAAAAY1"}
        self.status = 200
        self.over = threading.Event()
        self.waits = False
        self.questions: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/check-vat-number"


class _Handler(BaseHTTPRequestHandler):
    server: Register

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.questions.append(json.loads(self.rfile.read(length)))
        if self.server.waits:
            self.server.over.wait(30)
            return
        answer = self.server.answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


@contextmanager
def a_register() -> Iterator[Register]:
    register = Register()
    thread = threading.Thread(target=register.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield register
    finally:
        register.over.set()
        register.shutdown()
        register.server_close()
        thread.join()
