"""The node door: a TLS server of its own for nodes that call, because nobody can reach them.

A call that waits costs a connection and no thread. When it is the node's turn the call is answered
at once and the node calls again, which shows that it is there; then a thread makes the same pass
as over SSH, each question a response and each answer the next request.
"""

import asyncio
import ipaddress
import json
import logging
import os
import ssl
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from django.db import close_old_connections

from erp.base import scope
from erp.base.errors import DomainError
from orchestration.convergence import calls
from orchestration.convergence.carrier import (
    LONGEST_ANSWER,
    BadAnswer,
    NodeUnreachable,
    read_answer,
)
from orchestration.convergence.http import Line, Malformed, Request
from orchestration.node_agent.bundle import bundle
from orchestration.nodes.authority import door_pair

# Passes under way at the same time, and short jobs beside them; each thread has a connection to
# the database.
PASSES, JOBS = 16, 4
MOST_CONNECTIONS = 2000
# Open connections with one certificate, and without any from one network: the rest is for others.
MOST_OF_ONE = 20
# Open connections of machines without a certificate, which only join.
MOST_STRANGERS = 500
# Whoever holds one address of IPv6 holds all of its network.
ONE_NETWORK = 64
LONGEST_SMALL = 256 * 1024
ANSWER_SECONDS = 20.0
HANDSHAKE_SECONDS = 10.0
# Shorter than routers forget a silent connection.
HOLD_SECONDS = 50.0
# How often it is looked whose turn it is: an order waits half of this for its node, on average.
LOOK_SECONDS = 0.25
# A node is not visited more often, whatever it does.
PAUSE_SECONDS = 0.5
OPEN_SECONDS = 5.0
PAIR_SECONDS = 86400.0
# A wrong token costs the guesser this.
REFUSAL_SECONDS = 1.0

Clock = Callable[[], datetime]
T = TypeVar("T")
_BROKEN = (OSError, EOFError, Malformed)
log = logging.getLogger(__name__)


class Call:
    """A node that waits for its turn."""

    def __init__(self, line: Line, certificate: str) -> None:
        self.line = line
        self.certificate = certificate
        self.turn = asyncio.Event()
        self.is_refused = False
        self.is_over = False


class Asked:
    """The session with a node that called, used by the thread that makes the pass."""

    def __init__(self, line: Line, loop: asyncio.AbstractEventLoop) -> None:
        self._line = line
        self._loop = loop
        self.is_broken = False

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer the node's request with a question; its next request is the answer."""
        turn = self._exchange(json.dumps(message).encode())
        future = asyncio.run_coroutine_threadsafe(turn, self._loop)
        try:
            return read_answer(future.result())
        except Malformed as error:
            self.is_broken = True
            raise BadAnswer(f"The answer is no request, or too long: {error}") from error
        except _BROKEN as error:
            self.is_broken = True
            raise NodeUnreachable(f"The node's call broke off: {error!r}") from error

    async def _exchange(self, question: bytes) -> bytes:
        await self._line.respond(200, question)
        answer = await self._line.read(most=LONGEST_ANSWER, seconds=ANSWER_SECONDS)
        if answer.path != "/talk":
            raise Malformed
        return answer.body


class Door:
    """The server; `open` it, then let it `serve` until it is cancelled."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._passes = ThreadPoolExecutor(PASSES, "pass")
        self._jobs = ThreadPoolExecutor(JOBS, "job")
        self._lines: set[Line] = set()
        self._open: Counter[str] = Counter()
        self._waiting: dict[int, Call] = {}
        self._visiting: set[int] = set()
        self._visited: dict[int, float] = {}
        self._authority = ""

    async def is_wanted(self) -> bool:
        """Return whether there is a provider whose nodes could call."""
        return await self._job(calls.has_provider)

    async def open(self, host: str, port: int) -> asyncio.Server:
        """Listen; port 0 takes any."""
        authority = await self._job(calls.authority, at=self._clock())
        self._authority = authority.pem
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_verify_locations(cadata=authority.pem)
        # Machines that join have none yet; what is shown must be good, and is asked for on /talk.
        self._context.verify_mode = ssl.CERT_OPTIONAL
        await self._renew_pair()
        await self._job(bundle)
        return await asyncio.start_server(
            self._accept,
            host,
            port,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            backlog=500,
        )

    async def serve(self, server: asyncio.Server) -> None:
        """Take calls until cancelled; calls that wait are ended then, and so are passes."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._always(self._look, LOOK_SECONDS))
                group.create_task(self._always(self._say_open, OPEN_SECONDS))
                group.create_task(self._always(self._renew_pair, PAIR_SECONDS))
        finally:
            server.close()
            for line in list(self._lines):
                line.close()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._passes.shutdown)
            await loop.run_in_executor(None, self._jobs.shutdown)

    async def _always(self, what: Callable[[], Any], seconds: float) -> None:
        """Do something again and again; the database may be away for a while."""
        while True:
            try:
                await what()
            except Exception:
                log.exception("the node door goes on")
            await asyncio.sleep(seconds)

    async def _job(self, what: Callable[..., T], *arguments: Any, **more: Any) -> T:
        return await self._in(self._jobs, what, *arguments, **more)

    async def _in(
        self, pool: ThreadPoolExecutor, what: Callable[..., T], *arguments: Any, **more: Any
    ) -> T:
        """Run something that speaks to the database, in a thread and for the system."""

        def run() -> T:
            close_old_connections()
            try:
                with scope.everything(f"node door: {what.__name__}"):
                    return what(*arguments, **more)
            finally:
                close_old_connections()

        return await asyncio.get_running_loop().run_in_executor(pool, run)

    # By the clock.

    async def _look(self) -> None:
        """Wake those whose turn it is, and send those away who may not call any more."""
        waiting = {pk: call.certificate for pk, call in self._waiting.items()}
        if not waiting:
            return
        due, refused = await self._job(calls.turns, waiting, at=self._clock())
        now = asyncio.get_running_loop().time()
        for pk, call in list(self._waiting.items()):
            if call.certificate != waiting.get(pk):
                continue
            call.is_refused = pk in refused
            is_rested = now - self._visited.get(pk, -PAUSE_SECONDS) >= PAUSE_SECONDS
            is_free = is_rested and pk not in self._visiting
            if call.is_refused or (pk in due and is_free):
                call.turn.set()

    async def _say_open(self) -> None:
        await self._job(calls.say_open, at=self._clock())

    async def _renew_pair(self) -> None:
        """Show a fresh certificate to those who connect from now on."""
        authority = await self._job(calls.authority, at=self._clock())
        certificate, key = door_pair(authority, at=self._clock())
        handle, path = tempfile.mkstemp()
        try:
            with os.fdopen(handle, "w") as file:
                file.write(certificate + key)
            self._context.load_cert_chain(path)
        finally:
            os.unlink(path)  # noqa: PTH108

    # Connections.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, host = Line(reader, writer), str(writer.get_extra_info("peername")[0])
        who = line.certificate or network_of(host)
        self._open[who] += 1
        self._lines.add(line)
        try:
            if self._has_room(line, who):
                await self._serve(line)
        except (EOFError, asyncio.CancelledError):
            # The other side hung up, or the door closes: with this task nothing else ends.
            return
        except _BROKEN as error:
            log.info("a call from %s ended: %r", host, error)
        except Exception:
            log.exception("a call from %s ended by a fault of ours", host)
        finally:
            self._lines.discard(line)
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]
            line.close()

    def _has_room(self, line: Line, who: str) -> bool:
        """Return whether one connection more leaves room for everybody else."""
        is_within = len(self._lines) <= MOST_CONNECTIONS and self._open[who] <= MOST_OF_ONE
        if line.certificate:
            return is_within
        return is_within and sum(not one.certificate for one in self._lines) <= MOST_STRANGERS

    async def _serve(self, line: Line) -> None:
        """Answer one request after the other."""
        while True:
            request = await line.read(most=LONGEST_SMALL, seconds=HOLD_SECONDS)
            try:
                await self._answer(line, request)
            except DomainError as error:
                await asyncio.sleep(REFUSAL_SECONDS)
                await line.respond(error.status, str(error).encode(), kind="text/plain")
                return

    async def _answer(self, line: Line, request: Request) -> None:
        asked = (request.method, request.path)
        if asked == ("POST", "/talk"):
            await self._talk(line)
        elif asked == ("POST", "/enrol"):
            said = await self._job(calls.join, _read(request.body), clock=self._clock)
            await line.respond(200, json.dumps(said).encode())
        elif asked == ("GET", "/agent.zip"):
            await line.respond(200, bundle(), kind="application/zip")
        elif asked == ("GET", "/authority.pem"):
            await line.respond(200, self._authority.encode(), kind="application/x-pem-file")
        else:
            await line.respond(404, b"There is nothing here.", kind="text/plain")

    async def _talk(self, line: Line) -> None:
        """Hold a node's call until its turn or for a while; then tell it to call again.

        A call that another one of the same node followed is left without an answer.
        """
        certificate = line.certificate
        node = await self._job(calls.recognise, certificate, clock=self._clock)
        call = Call(line, certificate)
        await self._wait(node, call)
        if call.is_over:
            raise EOFError
        if call.is_refused:
            # Asked once more, for the refusal in its own words.
            await self._job(calls.recognise, certificate, clock=self._clock)
        if call.turn.is_set():
            await self._visit(node, line)
        await line.respond(200, _wait_for(0))

    async def _wait(self, node: int, call: Call) -> None:
        former = self._waiting.pop(node, None)
        if former:
            # The node called anew: nobody is at the other end of this any more.
            former.is_over = True
            former.turn.set()
        self._waiting[node] = call
        try:
            async with asyncio.timeout(HOLD_SECONDS):
                await call.turn.wait()
        except TimeoutError:
            pass
        finally:
            if self._waiting.get(node) is call:
                del self._waiting[node]

    async def _visit(self, node: int, line: Line) -> None:
        """Make a pass, once the node has shown that it is there: no thread waits for a dead one."""
        loop = asyncio.get_running_loop()
        session = Asked(line, loop)
        self._visiting.add(node)
        try:
            await line.respond(200, _wait_for(0))
            await line.read(most=LONGEST_SMALL, seconds=ANSWER_SECONDS)
            await self._in(self._passes, calls.visit, node, session, clock=self._clock)
        finally:
            self._visiting.discard(node)
            self._visited[node] = loop.time()
        if session.is_broken:
            raise EOFError


def network_of(host: str) -> str:
    """Return what is counted as one place: an address, of IPv6 the whole network."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.version == 4 or address.ipv4_mapped:
        return str(address if address.version == 4 else address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, ONE_NETWORK), strict=False))


def _wait_for(seconds: float) -> bytes:
    return json.dumps({"op": "wait", "seconds": seconds}).encode()


def _read(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("This is no JSON.") from error
