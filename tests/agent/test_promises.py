"""A promise passes or fails with a message that says what was found."""

# mypy: disable-error-code="no-untyped-call"

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestration.node_agent import promises
from tests.agent.test_releases import ends


class Page(BaseHTTPRequestHandler):
    """Answers what the path says, and shows who asks."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.end_headers()
        self.wfile.write(f"who: {self.headers.get('Authorization')}".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_page_that_answers_as_promised_passes(site: str) -> None:
    passes, message = promises.run({"kind": "http", "url": site + "/200", "contains": "who"})
    assert (passes, message.rsplit(" in ", 1)[0]) == (True, "answered 200")


def test_another_status_or_content_fails_and_says_so(site: str) -> None:
    assert promises.run({"kind": "http", "url": site + "/404"}) == (
        False,
        "answered 404, promised 200",
    )
    assert promises.run({"kind": "http", "url": site + "/200", "contains": "never"}) == (
        False,
        "the answer does not contain what was promised",
    )
    assert promises.run({"kind": "http", "url": site + "/404", "status": 404})[0]


def test_a_page_that_comes_byte_by_byte_is_cut_off_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=drip, args=(server,), daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        began = time.monotonic()
        passes, message = promises.run({"kind": "http", "url": url, "seconds": 0.5})
        assert (passes, message) == (False, "took longer than 0.5 s")
        assert time.monotonic() - began < 5


def drip(server: socket.socket) -> None:
    """Answer a byte at a time, each in good time."""
    line, _ = server.accept()
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    with suppress(OSError):
        for _ in range(1000):
            line.sendall(b"x")
            time.sleep(0.05)


def test_user_and_password_go_along(site: str) -> None:
    asked = {"kind": "http", "url": site + "/200", "user": "u", "password": "p"}
    assert promises.run(asked | {"contains": "Basic dTpw"})[0]


def test_a_port_that_nobody_listens_on_fails_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        asked = {"kind": "port", "address": "127.0.0.1", "port": str(port)}
        assert promises.run(asked) == (True, f"port {port} answers")
    passes, message = promises.run(asked)
    assert (passes, message.split(":")[0]) == (False, "ConnectionRefusedError")


def test_nonsense_fails_and_raises_nothing() -> None:
    assert not promises.run({"kind": "port", "address": "127.0.0.1", "port": "x"})[0]
    assert not promises.run({"kind": "http", "url": "http://127.0.0.1:x/"})[0]


def a_place(directory: Path) -> promises.Place:
    return promises.Place(str(directory), None, lambda: None)


def asked_to_run(*command: str, **facts: Any) -> dict[str, Any]:
    return {"kind": "command", "command": list(command)} | facts


def test_a_command_runs_in_its_directory_with_its_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    script = f'test "$PWD:$A:$HOME:$SECRET_OF_THE_AGENT" = "{tmp_path}:b:{tmp_path}:"'
    asked = asked_to_run("sh", "-c", script, environment={"A": "b"})
    assert promises.run(asked, a_place(tmp_path)) == (True, "ended with 0")


def test_a_command_that_fails_says_its_last_line(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    asked = asked_to_run("sh", "-c", "echo first; echo no such database >&2; echo; exit 3")
    assert promises.run(asked, place) == (False, "ended with 3: no such database")
    assert promises.run(asked_to_run("false"), place) == (False, "ended with 1: ")
    passes, message = promises.run(asked_to_run("no-such-program"), place)
    assert (passes, message.split(":")[0]) == (False, "FileNotFoundError")


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    asked = asked_to_run("sh", "-c", "sleep 300 & echo $! > pid; wait", seconds=1)
    assert promises.run(asked, a_place(tmp_path)) == (False, "took longer than 1 s")
    assert ends(int((tmp_path / "pid").read_text()))


def test_a_command_that_never_stops_talking_is_ended_and_fills_no_disk(tmp_path: Path) -> None:
    passes, message = promises.run(asked_to_run("yes", seconds=20), a_place(tmp_path))
    assert (passes, message) == (False, f"ended with {-signal.SIGXFSZ}: y")
