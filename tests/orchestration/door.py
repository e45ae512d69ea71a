"""A node door in the test's process, and a machine that calls it with the agent's own code."""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import gc
import json
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from erp.base.doors import now
from orchestration.convergence.door import Door
from orchestration.node_agent import calls, enrol
from orchestration.node_agent.home import Home
from orchestration.nodes.callers import new_command
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import MACHINE_STEPS, Machine, register_caller
from tests.orchestration.builders import a_provider

COMMAND = re.compile(r'TENANTRY_TOKEN=(\S+) .*=="(\w{64})".*"enrol","(\S+)","(\w{64})"')
Reply = Callable[[dict[str, Any]], Mapping[str, Any]]


class RunningDoor:
    """A node door in a thread of the test's process, until it is closed."""

    def __init__(self, host: str, *, port: int = 0, clock: Callable[[], datetime] = now) -> None:
        self.host, self.port, self._clock = host, port, clock
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._is_open.wait(20), "the door does not open"

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.door = Door(clock=self._clock)
        server = await self.door.open(self.host, self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._serving = asyncio.create_task(self.door.serve(server))
        self._is_open.set()
        await asyncio.wait([self._serving])

    def run(self, what: Coroutine[Any, Any, None]) -> None:
        """Have the door's own loop do something now."""
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the door does not close"
        # The connections of its threads to the database end with them, once they are collected.
        gc.collect()


def a_calling_node(name: str = "shop-1") -> ComputeNode:
    machine = Machine(name=name, host="", partition_count=2)
    return register_caller(a_provider(), machine, at=now(), by="test")


class Caller:
    """A machine that joins by a command and calls, and says what the test wants."""

    def __init__(self, place: Path, command: str) -> None:
        found = COMMAND.search(command)
        assert found, command
        self.token, self.agent, self.door, self.pin = found.groups()
        self.home = Home(place)
        self.home.make()
        authority = calls.pinned_authority(self.door, self.pin)
        self.master = enrol.Master(self.door, authority, self.token)

    def prepares(self, *, but: str = "") -> None:
        """Do all steps of the machine; the last one tells its facts."""
        self.master.ask(op="begin")
        for name in MACHINE_STEPS:
            if name == "Install the node's own key":
                self.is_certified()
            line = {"step": name, "ok": name != but, "message": "", "facts": {"cpus": 4}}
            self.master.ask(op="step", line=line)
            if name == but:
                return

    def is_certified(self) -> None:
        enrol._certify(self.home, self.master)

    def dials(self) -> Any:
        context = calls.context_for(self.master.authority, calls.pair_file(self.home))
        return calls.Connection(self.door, context)

    def talks(self, reply: Reply, connection: Any = None) -> list[Mapping[str, Any]]:
        """Call, answer what is asked until told to wait, and return the questions."""
        connection = connection or self.dials()
        hello: Mapping[str, Any] = {"op": "hello"}
        questions: list[Mapping[str, Any]] = []
        said = hello
        while True:
            question = json.loads(connection.send_line("/talk", json.dumps(said).encode()))
            if question["op"] == "wait":
                if questions:
                    return questions
                said = hello
            else:
                questions.append(question)
                said = reply(question)


def enrolled_caller(place: Path, node: ComputeNode) -> Caller:
    caller = Caller(place, new_command(node, at=now(), by="test"))
    caller.prepares()
    caller.talks(lambda question: {"op": "report", "report": {}})
    node.refresh_from_db()
    assert node.state == "ready"
    return caller
