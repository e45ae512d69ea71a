"""A running front end, certificates to bring to it, and servers to put behind it."""

import base64
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orchestration.releases.services import CATALOGUE
from tests.catalogue.building import PYTHON, free_ports, wait_for

PROGRAM = CATALOGUE / "http-frontend"
_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Front:
    """The front end's own program as a node runs it, with a partition's directory."""

    def __init__(self, place: Path, caddy: Path, **changes: object) -> None:
        self.place = place
        self.caddy = caddy
        self.http, self.https = free_ports(2)
        (place / "data").mkdir(parents=True)
        asked: dict[str, object] = {
            "address": "127.0.0.1",
            "addresses": "127.0.0.1,::1",
            "http_port": self.http,
            "https_port": self.https,
            "standard_ports": "no",
            "backend_networks": ["127.0.0.0/8"],
            "refused_networks": [],
            "connections": 500,
            "connections_per_site": 100,
            "certificate_seconds": 43200,
        }
        self.config = place / "front.json"
        self.config.write_text(json.dumps(asked | changes))
        self.entries: dict[str, dict[str, object]] = {}
        self.generation = 0
        self.stopped: set[str] = set()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process and self.process.poll() is None:
            self.stop()

    def start(self) -> None:
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-B", str(PROGRAM / "serve.py"), str(self.caddy), str(self.config)],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(lambda: self.look("https") == (0, ""), what=self.log())

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(10)

    def log(self) -> str:
        return (self.place / "log").read_text()[-3000:]

    def look(self, what: str) -> tuple[int, str]:
        command = [PYTHON, "-B", str(PROGRAM / "look.py"), what, str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stderr.strip()

    def serve(self, **entries: dict[str, object]) -> None:
        """Add or change sites as the node does, and wait until the front end has said of them."""
        self.entries |= {name.replace("_", "-"): entry for name, entry in entries.items()}
        self.generation += 1
        path = self.place / "shared.json"
        new = path.with_suffix(".new")
        told = [
            {
                "reference": reference,
                "generation": self.generation,
                "requested_state": "stopped" if reference in self.stopped else "started",
                "parameters": asked,
            }
            for reference, asked in self.entries.items()
        ]
        new.write_text(json.dumps(told))
        before = self._told_at()
        new.rename(path)
        wait_for(lambda: set(self.status()) == set(self.entries) and self._told_at() > before)

    def _told_at(self) -> int:
        """Return a time that moves with every round: the sites that were there are applied."""
        state = self.place / "state.json"
        return state.stat().st_mtime_ns if state.exists() else 0

    def status(self) -> dict[str, dict[str, object]]:
        path = self.place / "shared-status.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def count(self, reference: str) -> int:
        path = self.place / "data" / "counts" / f"{reference}.requests"
        return int(path.read_text()) if path.exists() else 0

    def authority(self) -> str:
        with closing(http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)) as link:
            link.request("GET", "/ca.pem")
            return link.getresponse().read().decode()

    def tls(self, domain: str, authority: str = "") -> ssl.SSLSocket:
        """Meet as a client does that trusts this authority alone."""
        context = ssl.create_default_context(cadata=authority or self.authority())
        plain = socket.create_connection(("127.0.0.1", self.https), timeout=10)
        return context.wrap_socket(plain, server_hostname=domain)

    def plain(self, content: bytes) -> bytes:
        """Send bytes as they are and return all that comes back."""
        with socket.create_connection(("127.0.0.1", self.http), timeout=10) as link:
            link.sendall(content)
            return everything(link)

    def get(self, domain: str, path: str = "/", **headers: str) -> "Answer":
        link = socket.create_connection(("127.0.0.1", self.http), timeout=10)
        return ask(link, domain, path, **headers)

    def get_tls(self, domain: str, path: str = "/", **headers: str) -> "Answer":
        return ask(self.tls(domain), domain, path, **headers)


class Answer:
    """What came back: status, headers, text."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.text = answer.read().decode()


def ask(link: socket.socket, domain: str, path: str, **headers: str) -> Answer:
    """Ask once over a connection that is there, and close it."""
    with closing(http.client.HTTPConnection("127.0.0.1")) as connection:
        connection.sock = link
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers={"Host": domain, **named})
        return Answer(connection.getresponse())


def everything(link: socket.socket) -> bytes:
    """Read until the other side has no more, or does not want to read more itself."""
    found = b""
    with suppress(ConnectionResetError):
        while part := link.recv(65536):
            found += part
    return found


def a_certificate(
    *names: str, days: float = 30, key: ec.EllipticCurvePrivateKey | None = None
) -> tuple[str, str]:
    """Return a certificate that trusts itself and its key, in PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    me = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(me, me, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return built.public_bytes(pem).decode(), key.private_bytes(pem, *plain).decode()


class _Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        name = self.path.strip("/").split("?")[0]
        getattr(self, f"_{name}", self._headers)()

    def do_POST(self) -> None:
        """Tell each piece of what is sent as it comes."""
        if length := int(self.headers.get("Content-Length", 0)):
            self.server.pieces.append(self.rfile.read(length))
            self._say(b"all")
            return
        while size := int(self.rfile.readline(), 16):
            self.server.pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        self._say(b"all")

    def _headers(self) -> None:
        self._say(json.dumps([[name, value] for name, value in self.headers.items()]).encode())

    def _say(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _waits(self) -> None:
        self.server.gate.wait(20)
        self._say(b"waited")

    def _stream(self) -> None:
        """Send a piece, and the rest when the gate opens."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.server.gate.wait(20)
        self.wfile.write(b"4\r\nlast\r\n0\r\n\r\n")

    def _socket(self) -> None:
        """Take up a WebSocket and send back every byte."""
        key = self.headers["Sec-WebSocket-Key"] + _WEBSOCKET
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.close_connection = True
        while content := self.connection.recv(4096):
            self.connection.sendall(content)


class Server(ThreadingHTTPServer):
    """A server behind a site; `gate` lets answers go on that wait."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Backend)
        self.gate = threading.Event()
        self.connections = 0
        self.asked: list[str] = []
        self.pieces: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def a_server(tls: tuple[Path, Path] | None = None) -> Iterator[Server]:
    server = Server()
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, tls))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        server.server_close()


def upgrade(link: socket.socket, domain: str) -> socket.socket:
    """Open a WebSocket to a site over a connection."""
    link.sendall(
        f"GET /socket HTTP/1.1\r\nHost: {domain}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    until = time.monotonic() + 10
    while not head.endswith(b"\r\n\r\n") and time.monotonic() < until:
        head += link.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    return link
