"""Requests to our API against the same to slapproxy, over HTTP with the same client.

Both are set-and-get: ours names a wish by its Idempotency-Key, slapproxy by its reference. Ours has
gunicorn with two processes, as it is run, and is asked by a machine with a token; slapproxy has its
own server, one process on SQLite, and asks nobody who they are.
"""

import http.client
import json
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from config.embedded.places import ROOT
from erp.base.doors import now
from erp.customers import tokens
from erp.customers.models import Member
from erp.customers.states import Right
from tests.bench import peers
from tests.bench.shop import PARAMETERS, a_shop
from tests.bench.timing import Result, seconds
from tests.bench.workers import environment, until

ROUNDS, UNCHANGED, NEW, CLIENTS = 5, 200, 20, 4
NAMES = ROUNDS * NEW + 1
READY_SECONDS = 60
# Nobody is held up here.
_UNCOUNTED = {"TENANTRY_API_PER_MINUTE": "1000000000"}


@dataclass(frozen=True, slots=True)
class Door:
    """A server and how one request is said to it."""

    port: int
    path: str
    headers: Mapping[str, str]
    bodies: Sequence[str]
    keyed: bool = False

    def ask(self, numbers: Sequence[int]) -> None:
        """Send the requests of these numbers over one connection.

        Raises:
            AssertionError: one was not answered as it should be.
        """
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        for number in numbers:
            headers = dict(self.headers)
            if self.keyed:
                headers["Idempotency-Key"] = f"wish-{number}"
            line.request("POST", self.path, self.bodies[number], headers)
            answer = line.getresponse()
            said = answer.read()
            assert answer.status in {200, 201}, (answer.status, said[:500])
        line.close()

    def unchanged(self) -> None:
        """Repeat the first request from several clients at once."""
        share = [0] * (UNCHANGED // CLIENTS)
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(self.ask, [share] * CLIENTS))


def run() -> Iterator[Result | str]:
    """Time unchanged requests and new ones, in turns with the peer."""
    with tempfile.TemporaryDirectory() as folder, _ours() as ours:
        doors = [ours]
        peer = (
            _slapproxy(Path(folder)) if peers.installed(peers.SLAPOS, peers.NETWORK_CACHE) else None
        )
        if peer is None:
            yield "NO SLAPPROXY: slapos.core cannot be installed here, its ratios are left out"
            yield from _compared([ours])
            return
        with peer as theirs:
            yield from _compared([*doors, theirs])


def _compared(doors: Sequence[Door]) -> Iterator[Result | str]:
    for door in doors:
        door.ask([0])
        door.unchanged()
    unchanged: list[list[float]] = [[] for _ in doors]
    new: list[list[float]] = [[] for _ in doors]
    for turn in range(ROUNDS):
        numbers = range(1 + turn * NEW, 1 + (turn + 1) * NEW)
        for column, fresh, door in zip(unchanged, new, doors, strict=True):
            column.append(seconds(door.unchanged) / UNCHANGED)
            fresh.append(seconds(partial(door.ask, numbers)) / NEW)
    for name, columns in (("a request that changes nothing", unchanged), ("a new request", new)):
        mine, *its = (statistics.median(column) for column in columns)
        yield f"{name}: {1 / mine:.0f}/s here" + "".join(f", {1 / one:.0f}/s there" for one in its)
        for peer in its:
            yield Result(name, mine, peer, "slapproxy of " + peers.SLAPOS, "≥ 3 ×")


@contextmanager
def _ours() -> Iterator[Door]:
    """Serve our portal on this database, with something to order and somebody who may."""
    shop = a_shop()
    member = Member.objects.get(user=shop.buyer)
    facts: dict[str, Any] = {"name": "bench", "scopes": [Right.ORDER], "days": None, "at": now()}
    _, token = tokens.make(member, **facts)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    body = {
        "organisation": shop.customer.reference, "offer": shop.plan.offer.reference,
        "plan": shop.plan.code, "parameters": PARAMETERS,
    }  # fmt: skip
    bodies = [json.dumps(body | {"name": f"Site {number}"}) for number in range(NAMES)]
    port = _free_port()
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "8"]
    with _served(command, port, cwd=ROOT, env=environment() | _UNCOUNTED):
        yield Door(port, "/api/v1/orders", headers, bodies, keyed=True)


@contextmanager
def _slapproxy(place: Path) -> Iterator[Door]:
    """Serve slapproxy with a computer that has room and a software that it supplies."""
    asked = {"partitions": NAMES + 5, "software": "https://bench.example/software.cfg"}
    script = Path(__file__).with_name("slapproxy_wishes.py")
    done = subprocess.run(
        [str(peers.VENV / "bin" / "python"), str(script)],
        input=json.dumps(asked | {"names": [f"site-{number}" for number in range(NAMES)]}),
        capture_output=True,
        text=True,
        check=True,
    )
    bodies: dict[str, Any] = json.loads(done.stdout)
    port = _free_port()
    (place / "slapos.cfg").write_text(
        f"[slapos]\nsoftware_root = {place}/soft\ninstance_root = {place}/srv\n"
        f"master_url = http://127.0.0.1:{port}\ncomputer_id = bench\n"
        f"[slapproxy]\nhost = 127.0.0.1\nport = {port}\ndatabase_uri = {place}/proxy.db\n"
    )
    program = str(peers.VENV / "bin" / "slapos")
    command = [program, "proxy", "start", "--cfg", str(place / "slapos.cfg")]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with _served(command, port, cwd=place, env=environment()):
        Door(port, "/loadComputerConfigurationFromXML", headers, [bodies["computer"]]).ask([0])
        Door(port, "/supplySupply", headers, [bodies["supply"]]).ask([0])
        yield Door(port, "/requestComputerPartition", headers, bodies["requests"])


@contextmanager
def _served(
    command: Sequence[str], port: int, *, cwd: Path, env: Mapping[str, str]
) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=cwd, env=dict(env), stdout=quiet, stderr=quiet)
    try:
        until(partial(_listens, port), seconds=READY_SECONDS)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
