"""The little of HTTP/1.1 that agents speak to the node door, with every bound and wait.

Agents speak to the door alone and nothing stands between: no proxies, no pipelining, no chunks.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass

from orchestration.nodes.authority import digest_of

LONGEST_HEAD = 8192
CHUNK = 256 * 1024
# A chunk that takes longer is a line that broke.
STEP_SECONDS = 20.0
# All of a body: one that takes longer outlasts the lease of its pass.
BODY_SECONDS = 80.0
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
_REQUEST = re.compile(rb"(GET|POST) (/[a-z.]{0,40}) HTTP/1\.1")
_HEADER = re.compile(rb"([A-Za-z-]{1,60}):[ \t]*([^\r\n\x00]*)")


class Malformed(Exception):
    """This is not what an agent says."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read as a whole."""

    method: str
    path: str
    body: bytes


class Line:
    """One connection: a request, its response, the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @property
    def certificate(self) -> str:
        """Return the name of the certificate that the other side showed and has the key of."""
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls else None
        return digest_of(shown) if shown else ""

    async def read(self, *, most: int, seconds: float) -> Request:
        """Return the next request, which must begin within the time.

        Raises:
            Malformed: it is no request, or its body is longer than `most`.
            TimeoutError, OSError, EOFError: the line broke.
        """
        async with asyncio.timeout(seconds):
            head = await self._head()
        first, *headers = head.split(b"\r\n")
        found = _REQUEST.fullmatch(first)
        if not found:
            raise Malformed
        async with asyncio.timeout(BODY_SECONDS):
            body = await self._body(_length(headers), most=most)
        return Request(found[1].decode(), found[2].decode(), body)

    async def _head(self) -> bytes:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise Malformed from error
        if len(head) > LONGEST_HEAD:
            raise Malformed
        return head[:-4]

    async def _body(self, length: int, *, most: int) -> bytes:
        if length > most:
            raise Malformed
        pieces, missing = [], length
        while missing:
            async with asyncio.timeout(STEP_SECONDS):
                piece = await self._reader.read(min(missing, CHUNK))
            if not piece:
                raise EOFError
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    async def respond(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        """Send a response.

        Raises:
            TimeoutError, OSError: the line broke.
        """
        head = (
            f"HTTP/1.1 {status} {REASONS.get(status, 'Refused')}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n\r\n"
        )
        content = head.encode() + body
        for start in range(0, len(content), CHUNK):
            self._writer.write(content[start : start + CHUNK])
            async with asyncio.timeout(STEP_SECONDS):
                await self._writer.drain()

    def close(self) -> None:
        """End the connection, whatever is under way on it."""
        self._writer.transport.abort()


def _length(headers: list[bytes]) -> int:
    """Return the length of the body; every header must be one."""
    lengths = []
    for header in headers:
        found = _HEADER.fullmatch(header)
        if not found:
            raise Malformed
        name = found[1].lower()
        if name == b"transfer-encoding":
            raise Malformed
        if name == b"content-length":
            lengths.append(found[2].strip())
    if len(lengths) > 1 or (lengths and not re.fullmatch(rb"[0-9]{1,9}", lengths[0])):
        raise Malformed
    return int(lengths[0]) if lengths else 0
