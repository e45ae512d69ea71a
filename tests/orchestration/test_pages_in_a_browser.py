"""The pages of machines and of what runs on them, in both themes and widths."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings

from erp.base.lifecycle import move
from erp.customers.states import Role
from orchestration.convergence.models import ConvergencePass
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.node_agent.bundle import version
from orchestration.nodes.callers import new_command
from orchestration.nodes.following import follow
from orchestration.nodes.models import ComputeNode
from tests.browser import Visit, axe, overflows, screenshot
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.door import a_calling_node
from tests.orchestration.nodes import a_registered_node, a_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOOKS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]


def an_enrolling_node() -> str:
    node = a_registered_node()
    for number, step in enumerate(node.steps.all()):
        step.started_at = NOON
        step.ended_at = NOON + timedelta(seconds=number)
        step.state = "done" if number < 6 else "waiting"
        step.save()
    said = (
        "`useradd --system --user-group tn12345-p0` ended with 1: useradd: cannot lock /etc/passwd"
    )
    node.steps.filter(position=7).update(state="failed", message=said)
    ComputeNode.objects.update(last_error=said)
    return f"/nodes/{node.reference}"


def a_busy_node() -> str:
    node = a_node(
        facts={"cpus": 4, "os": "Debian GNU/Linux 12 (bookworm)", "memory_bytes": 2**33},
        agent_version="0" * 64,
        agent_refused=version(),
        agent_refusal="it ended by itself with 1\nTraceback (most recent call last):\n" + "a" * 90,
    )
    an_instance_on(node, state="started")
    facts: dict[str, Any] = {"organisation": a_provider(), "node": node, "fence": 1}
    times = {"started_at": NOON, "ended_at": NOON}
    plan = ["p0: install I-ABCDEF and have it started"]
    ConvergencePass.objects.create(why="its turn", plan=plan, outcome="done", **facts, **times)
    log = "192.0.2.7:22 does not answer: timed out"
    ConvergencePass.objects.create(
        why="its turn", outcome="node_unreachable", log=log, **facts, **times
    )
    return f"/nodes/{node.reference}"


def a_failed_instance() -> str:
    instance: Instance = an_instance_on(a_node("node-2"))
    Instance.objects.update(parameters={"title": "Hello", "text": "A long text. " * 20})
    instance.refresh_from_db()
    move(instance, "building", at=NOON, by="node")
    promises = [{"name": "the page answers", "ok": False, "message": "ConnectionRefusedError"}]
    also = {
        "log_tail": "$ pip install wsgidav\nERROR: no such package\n" * 10,
        "promises": promises,
    }
    why = "the build failed: pip install wsgidav ended with 1"
    move(instance, "failed", at=NOON, by="node", why=why, also=also)
    return f"/instances/{instance.reference}"


def a_node_that_calls() -> str:
    node = a_calling_node()
    new_command(node, at=NOON, by="test")
    return f"/nodes/{node.reference}"


def a_dry_run() -> str:
    customer = a_customer("Ours")
    a_line(customer)
    kinds: list[dict[str, Any]] = [
        {"region": "paris", "country": "FR", "network": "blue", "labels": ["ssd", "gpu"]},
        {"region": "lille", "country": "FR", "network": "red"},
        {"region": "lille", "state": "closed", "state_reason": "new disks", "closed_for": "hand"},
    ]
    for number, columns in enumerate(kinds):
        a_node(f"node-{number}", **columns)
    return f"/placement/?customer={customer.reference}&product=static-site&at_labels=ssd"


def a_node_to_drain() -> str:
    node = a_node("old")
    an_instance_on(node)
    an_instance_on(node, partition="p1", state="started")
    a_node("new", partitions=1)
    return f"/placement/drain/{node.reference}"


def a_node_to_edit() -> str:
    return f"/nodes/{a_node(labels=['ssd']).reference}/edit"


def a_node_that_closed_itself() -> str:
    facts = {"disk_bytes": 2**40, "disk_free_bytes": 2**30, "memory_bytes": 2**33}
    node = a_node(facts=facts, clock_offset_ms=90_000)
    follow(node.pk, at=NOON)
    return f"/nodes/{node.reference}"


def a_waiting_instance() -> str:
    a_node(region="paris")
    line = a_line(a_customer(), sla={"region": "rome"})
    instances.follow_contract(line.contract, at=NOON)
    return f"/instances/{Instance.objects.get(line=line).reference}"


PAGES = {
    "node-enrolling": an_enrolling_node,
    "node": a_busy_node,
    "node-calling": a_node_that_calls,
    "instance": a_failed_instance,
    "dry-run": a_dry_run,
    "drain": a_node_to_drain,
    "node-edit": a_node_to_edit,
    "node-closed": a_node_that_closed_itself,
    "waiting": a_waiting_instance,
}


@pytest.fixture(autouse=True)
def _door(settings: LazySettings) -> None:
    settings.NODE_DOOR = "nodes.example.com:8443"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_accessible_in_every_look(visit: Visit, name: str) -> None:
    path = PAGES[name]()
    operator = a_user(a_provider(), Role.OPERATOR)
    for theme, width in LOOKS:
        page = visit(path, theme=theme, width=width, user=operator)
        screenshot(page, f"{name}-{theme}-{width}")
        assert not overflows(page), (theme, width)
        assert axe(page) == [], (theme, width)


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_command_of_a_node_that_calls_fits_in_every_look(
    visit: Visit, theme: str, width: int
) -> None:
    operator = a_user(a_provider(), Role.OPERATOR)
    page = visit("/nodes/add-caller", theme=theme, width=width, user=operator)
    screenshot(page, f"node-add-caller-{theme}-{width}")
    assert axe(page) == []
    page.fill("[name=name]", "shop-1")
    page.click("text=Make the command")
    page.wait_for_selector("text=Run this on the machine")
    screenshot(page, f"node-command-{theme}-{width}")
    assert not overflows(page)
    assert axe(page) == []
