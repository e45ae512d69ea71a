"""The agent of a real host is changed over its channel; the service answers all the time."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from orchestration.convergence import upgrades
from orchestration.instances.services import connection_of
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import agent_states
from tests.agent.test_upgrade import ENDS, an_agent
from tests.fleet.fixtures import fleet  # noqa: F401  (a fixture)
from tests.fleet.fleet import Host
from tests.scenarios.door import Master, a_master  # noqa: F401  (a fixture)
from tests.scenarios.test_fleet_nodes import host  # noqa: F401  (a fixture)
from tests.scenarios.world import a_service, assert_the_laws_hold, converged, wait_for

pytestmark = [pytest.mark.fleet, pytest.mark.django_db(transaction=True)]


@contextmanager
def asked_all_the_time(url: str) -> Iterator[list[str]]:
    """Ask a service again and again; yield what went wrong."""
    wrong: list[str] = []
    answers: list[int] = []
    ends = threading.Event()

    def ask() -> None:
        while not ends.is_set():
            try:
                with urlopen(url, timeout=5) as answer:
                    answers.append(answer.status)
            except OSError as error:
                wrong.append(str(error))
            ends.wait(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield wrong
    finally:
        ends.set()
        asking.join()
    assert set(answers) == {200}


def ship(monkeypatch: pytest.MonkeyPatch, content: bytes, *, seconds: int) -> str:
    """Have the Master ship another agent."""
    shipped = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(upgrades, "bundle", lambda: content)
    monkeypatch.setattr(upgrades, "version", lambda: shipped)
    monkeypatch.setattr(upgrades, "TRIAL_SECONDS", seconds)
    return shipped


def is_confirmed(host: Host, shipped: str) -> bool:  # noqa: F811
    return host.run("sha256sum /srv/tenantry/agent.zip").startswith(shipped)


def test_an_agent_is_changed_and_a_bad_one_returned_while_the_service_answers(
    host: Host,  # noqa: F811
    master: Master,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = master.enrolled()
    instance = a_service("Bonjour")
    node = converged(node)
    instance.refresh_from_db()
    with asked_all_the_time(connection_of(instance)["url"]) as wrong:
        good = ship(monkeypatch, an_agent(), seconds=60)
        wait_for(lambda: converged(node).agent_version == good and is_confirmed(host, good))
        bad = ship(monkeypatch, an_agent(ENDS), seconds=20)
        wait_for(lambda: converged(node).agent_refused == bad)
    assert wrong == []
    node.refresh_from_db()
    assert (node.state, node.agent_version) == ("ready", good)
    assert node.agent_refusal == "it ended by itself with 1\nno such luck"
    assert agent_states([node], bad) == ["returned"]
    assert upgrades.offer(ComputeNode(agent_version=good)) == ""
    assert is_confirmed(host, good)
    assert_the_laws_hold()
