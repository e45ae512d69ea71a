"""What machines cost: dated, shared by partitions and seconds, and the rest stood idle."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from erp.base.journal import history
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from erp.customers.models import Member
from orchestration.instances.models import Instance
from orchestration.metering.costs import NodeCosts
from orchestration.nodes.costs import set_cost
from orchestration.nodes.models import ComputeNode, NodeCost
from tests.orchestration.builders import NOON, a_line, a_node, a_provider, a_release

pytestmark = pytest.mark.django_db


def at(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


NOVEMBER = Period(at(1), at(1, 12))


def costs(node: ComputeNode, minor: int, day: int, month: int = 11) -> None:
    set_cost(node, minor, "EUR", starts_at=at(day, month), at=NOON, by="anna")


def ran(node: ComputeNode, start: datetime, **facts: Any) -> ContractLine:
    """Return a line whose instance ran on the node from a moment on."""
    line = a_line()
    columns: dict[str, Any] = {"state": "started", "partition": node.partitions.first()} | facts
    Instance.objects.create(
        organisation=line.organisation, line=line, release=a_release(), node=node,
        requested_state="started", state_since=NOON, created_at=NOON, secrets_sealed="",
        first_started_at=start, **columns,
    )  # fmt: skip
    return line


def asked(currency: str = "EUR") -> list[tuple[str, int, dict[int, int], int]]:
    found = NodeCosts().costs(provider=a_provider().pk, period=NOVEMBER, currency=currency)
    return [(one.name, one.minor, dict(one.by_line), one.idle_minor) for one in found]


def test_half_of_two_slots_for_half_a_month_is_a_quarter_of_it() -> None:
    node = a_node()
    costs(node, 3000, 1, 10)
    gone = ran(node, at(1, 10), state="wiped", partition=None, wiped_at=at(16))
    there = ran(node, at(16))
    ran(node, at(1, 12), partition=node.partitions.last())

    assert asked() == [("node-1", 3000, {gone.pk: 750, there.pk: 750}, 1500)]


def test_a_cost_holds_until_the_next_one_and_only_in_its_currency() -> None:
    node = a_node()
    costs(node, 3000, 1, 10)
    costs(node, 6000, 16)
    line = ran(node, at(1))
    a_node("free")

    assert asked() == [("node-1", 4500, {line.pk: 2250}, 2250)]
    assert asked("CHF") == []


def test_a_machine_that_comes_within_the_period_costs_from_then_on() -> None:
    costs(a_node(), 3000, 21)
    assert asked() == [("node-1", 1000, {}, 1000)]


def test_setting_it_again_changes_nothing_and_another_amount_replaces_it() -> None:
    node = a_node()
    for minor in (3000, 3000, 4000):
        costs(node, minor, 1)

    assert NodeCost.objects.get().monthly_minor == 4000
    assert [one.event for one in history(node)] == ["cost_set", "cost_set"]


def test_who_keeps_the_books_sets_the_cost_on_its_page() -> None:
    node = a_node()

    def client(role: str) -> Client:
        user = User.objects.create_user(f"{role}@x.example")
        Member.objects.create(organisation=a_provider(), user=user, role=role)
        made = Client()
        made.force_login(user)
        return made

    place = f"/nodes/{node.reference}/costs"
    accountant = client("accountant")
    assert "counts as free" in accountant.get(place).content.decode()
    assert accountant.post(place, {"amount": "1.234", "from_on": "2026-11-01"}).status_code == 422
    assert accountant.post(place, {"amount": "45.50", "from_on": "2026-11-01"}).status_code == 302
    assert "45.50" in accountant.get(place).content.decode()
    assert client("operator").get(place).status_code == 403
    assert NodeCost.objects.get().starts_at == at(1)
