"""A machine behind a fake SSH: it refuses what a real one would."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestration.convergence.ssh import (
    CommandFailed,
    HostKeyChanged,
    NodeUnreachable,
    SignInRefused,
    Target,
)
from orchestration.node_agent.bundle import bundle
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.services import MACHINE_STEPS
from tests.orchestration.nodes import HOST_KEY

ZIP = "/tmp/agent.zip"


@dataclass
class FakeMachine:
    """What the machine has, what it does wrong, and what it was asked."""

    password: str = "once"
    host_key: str = HOST_KEY
    is_on: bool = True
    fails_at: str = ""
    breaks_off_after: str = ""
    says: list[str] = field(default_factory=list)
    shipped: bytes = b""
    authorized: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def plug_in(self, monkeypatch: pytest.MonkeyPatch) -> "FakeMachine":
        """Stand where the one door to the nodes was."""
        place = "orchestration.convergence.enrolment"
        monkeypatch.setattr(f"{place}.read_host_key", self.show_key)
        monkeypatch.setattr(f"{place}.Connection", lambda target: FakeConnection(self, target))
        monkeypatch.setattr(f"{place}.connections.session_of", self.session)
        return self

    def show_key(self, host: str, port: int) -> str:
        if not self.is_on:
            raise NodeUnreachable(f"{host}:{port} does not answer: timed out")
        return self.host_key

    def session(self, node: ComputeNode) -> "FakeMachine":
        if not self.is_on:
            raise NodeUnreachable("does not answer")
        if node.public_key != self.authorized:
            raise SignInRefused("refuses this key")
        return self

    def ask(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        assert message["op"] == "poll"
        return {"op": "report", "report": {}}


class FakeConnection:
    """One connection to the machine."""

    def __init__(self, machine: FakeMachine, target: Target) -> None:
        self.machine = machine
        if not machine.is_on:
            raise NodeUnreachable("does not answer")
        if target.host_key != machine.host_key:
            raise HostKeyChanged("shows another host key than the pinned one")
        if target.password != machine.password:
            raise SignInRefused(f"{target.host} refuses user {target.user} with this password")

    def __enter__(self) -> "FakeConnection":
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def run(self, command: str, *, given: bytes = b"") -> Iterator[str]:
        self.machine.commands.append(command)
        if "mktemp" in command:
            self.machine.shipped = given
            yield ZIP
            return
        assert command.startswith(f"python3 {ZIP} bootstrap;"), command
        assert self.machine.shipped == bundle(), "there is no agent to run"
        self.machine.asked = json.loads(given)
        yield from self.machine.says or self._steps()

    def _steps(self) -> Iterator[str]:
        machine = self.machine
        for name in MACHINE_STEPS:
            line: dict[str, Any] = {"step": name, "ok": name != machine.fails_at, "message": "said"}
            if name == "Install the node's own key" and line["ok"]:
                machine.authorized = machine.asked["public_key"]
            if name == "Take facts":
                line["facts"] = {"cpus": 2, "privileged": True}
            yield json.dumps(line)
            if name == machine.fails_at:
                raise CommandFailed("ended with 1: it said nothing")
            if name == machine.breaks_off_after:
                raise NodeUnreachable("the connection broke")
