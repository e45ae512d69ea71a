"""The Master as a host's node meets it, over either carrier; its door is on the bridge.

What is tried on a node is tried over both: `master.enrolled()` gives the node, and the Master may
leave and return.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings

from orchestration.convergence import connections
from orchestration.convergence.tasks import sweep_silent
from orchestration.nodes import queries
from orchestration.nodes.models import ComputeNode
from tests.fleet.fleet import Host
from tests.orchestration.builders import a_provider
from tests.orchestration.door import RunningDoor
from tests.scenarios.world import called_in, converged, enrolled, refreshed, wait_for


class Master:
    """The Master that drives nodes over SSH."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def enrolled(self) -> ComputeNode:
        return enrolled(self.host)

    def leaves(self, node: ComputeNode) -> None:
        connections.drop(node)

    def returns(self) -> None:
        """Nothing to do: the next pass connects."""

    def boots(self) -> None:
        """Do what the machine does by itself as it starts: nothing, the Master comes."""

    def misses(self, node: ComputeNode) -> None:
        """Notice that a node is not there: a visit in vain."""
        converged(node)

    def close(self) -> None:
        """Leave nothing open."""


class CalledMaster(Master):
    """The Master that nodes call."""

    def __init__(self, host: Host, settings: LazySettings) -> None:
        super().__init__(host)
        a_provider()
        self.door: RunningDoor | None = RunningDoor(host.gateway)
        self.port = self.door.port
        settings.NODE_DOOR = f"{host.gateway}:{self.port}"

    def enrolled(self) -> ComputeNode:
        return called_in(self.host)

    def leaves(self, node: ComputeNode) -> None:
        self.close()

    def returns(self) -> None:
        self.door = RunningDoor(self.host.gateway, port=self.port)

    def boots(self) -> None:
        line = self.host.run("cat /etc/cron.d/tenantry-node").strip()
        when, user, command = line.split(" ", 2)
        assert (when, user) == ("@reboot", "root")
        self.host.run(f"({command}) &")

    def misses(self, node: ComputeNode) -> None:
        def is_missed() -> bool:
            sweep_silent()
            return refreshed(node).state == "unreachable"

        wait_for(is_missed)

    def close(self) -> None:
        if self.door:
            self.door.close()
        self.door = None


@pytest.fixture(params=["ssh", "https"], name="master")
def a_master(
    request: pytest.FixtureRequest,
    host: Host,
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Master]:
    """The Master over each of the carriers."""
    monkeypatch.setattr(queries, "SILENCE", timedelta(seconds=5))
    made = Master(host) if request.param == "ssh" else CalledMaster(host, settings)
    yield made
    made.close()
