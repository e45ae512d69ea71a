"""A mail server and a receiver of webhooks, real ones on the loopback, that can misbehave."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MailServer:
    """SMTP as far as a client needs it; what it does wrong is set before the call.

    `refused` maps an address to what it is answered; `after_data` is answered to a message, None
    hangs up without a word; with `is_mute` it never greets.
    """

    refused: dict[str, str] = field(default_factory=dict)
    after_data: list[str | None] = field(default_factory=list)
    is_mute: bool = False
    connections: int = 0
    got: list[tuple[str, Message]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_mute:
            await reader.read()
            return
        recipient = ""
        writer.write(b"220 test ESMTP\r\n")
        while line := (await reader.readline()).decode().strip():
            verb, said = line.split(" ")[0].upper(), "250 fine"
            if verb == "RCPT":
                recipient = line.split("<")[1].split(">")[0]
                said = self.refused.get(recipient, said)
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                answer = self.after_data.pop(0) if self.after_data else said
                if answer is None or answer == said:
                    self.got.append((recipient, message_from_bytes(content[:-3])))
                if answer is None:
                    break
                said = answer
            elif verb == "QUIT":
                break
            writer.write(f"{said}\r\n".encode())
            await writer.drain()
        writer.close()


@contextmanager
def a_mail_server() -> Iterator[MailServer]:
    server, loop = MailServer(), asyncio.new_event_loop()
    listening = loop.run_until_complete(asyncio.start_server(server.serve, "127.0.0.1", 0))
    server.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        listening.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@dataclass
class Receiver:
    """A receiver of webhooks: what it answers next, and what it was told."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def handle(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str]]:
        self.calls.append((headers, body))
        return self.answers.pop(0) if self.answers else (200, {})


@contextmanager
def a_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve over TLS with a context, else in the clear."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = {name.lower(): value for name, value in self.headers.items()}
            status, headers = receiver.handle(told, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"x" * 10_000)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook?a=b"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
