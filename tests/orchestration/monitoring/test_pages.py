"""Everybody sees how regions do; a customer sees how their service kept its promises."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from erp.base.doors import now
from erp.base.lifecycle import move
from erp.customers.states import Role
from orchestration.instances.models import Instance
from orchestration.monitoring.regions import overall, state_of
from orchestration.monitoring.tasks import sweep_incidents
from orchestration.monitoring.views import length, percent
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import a_customer, a_node
from tests.orchestration.monitoring.watched import a_running_instance, after, broken, kept, see
from tests.orchestration.nodes import signed_in

pytestmark = pytest.mark.django_db


def page() -> str:
    cache.clear()
    answer = Client().get("/status/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("nodes", "state", "since"),
    [
        (["ready", "ready"], "operating", None),
        (["ready", "closed"], "operating", None),
        (["ready", "unreachable"], "degraded", 1),
        (["unreachable", "ready", "unreachable"], "degraded", 0),
        (["unreachable", "unreachable"], "down", 1),
    ],
)
def test_a_region_does_as_its_nodes_do(nodes: list[str], state: str, since: int | None) -> None:
    states = [(one, after(number)) for number, one in enumerate(nodes)]
    assert state_of(states, []) == (state, None if since is None else after(since))


def test_the_whole_is_down_only_when_every_region_is() -> None:
    assert overall([]) == "operating"
    assert overall(["operating", "down"]) == "degraded"
    assert overall(["operating", "degraded"]) == "degraded"
    assert overall(["down", "down"]) == "down"


def test_shares_are_rounded_down_and_lengths_are_told_in_two_units() -> None:
    assert percent(Decimal("0.999999")) == "99.99 %"
    assert percent(Decimal(1)) == "100.00 %"
    assert percent(None) == ""
    assert [length(Decimal(one)) for one in (0, 59, 3600, 3661, 90061)] == [
        "0 s", "59 s", "1 h", "1 h 1 min", "1 d 1 h",
    ]  # fmt: skip


def test_the_status_page_says_nothing_of_nodes_or_customers() -> None:
    instance = a_running_instance(a_node("secret-node", region="lille"))
    a_node("other-node", region="paris", state="unreachable")
    a_node("old-node", region="gone", state="retired")
    text = page()
    assert "lille" in text
    assert "paris" in text
    assert "Operating" in text
    assert "Down" in text
    assert "Degraded" in text
    for hidden in ("secret-node", "other-node", "gone", "Customer", instance.reference, "My site"):
        assert hidden not in text


def test_the_status_page_shows_the_share_of_the_regions_services() -> None:
    start = now() - timedelta(days=10)
    first = a_running_instance(a_node(region="lille"), first_started_at=start)
    a_running_instance(a_node("node-2", region="lille"), first_started_at=start)
    see(first, broken(), at=start)
    see(first, kept(), at=start + timedelta(days=1))
    assert "95.00 %" in page()
    move(ComputeNode.objects.get(name="node-2"), "unreachable", at=now(), by="test")
    assert "Degraded" in page()


def test_the_status_page_of_an_empty_system_says_so() -> None:
    assert "Nothing runs here yet" in page()


def test_the_status_page_costs_the_same_however_many_nodes_and_is_kept_for_a_moment() -> None:
    counts = []
    for number in range(3):
        a_running_instance(a_node(f"n{number}", region=f"r{number % 2}"))
        with CaptureQueriesContext(connection) as asked:
            page()
        counts.append(len(asked))
    assert counts[0] == counts[1] == counts[2] <= 18
    with CaptureQueriesContext(connection) as asked:
        Client().get("/status/")
    assert len(asked) == 0


def test_a_customer_sees_availability_outages_and_promises_of_their_own_service() -> None:
    start = now() - timedelta(days=10)
    instance = a_running_instance(first_started_at=start)
    see(instance, broken(message="no <answer>"), at=start - timedelta(days=1))
    see(instance, kept(), at=start)
    see(instance, broken("mail leaves", "no <route>"), at=start + timedelta(days=1))
    sweep_incidents()
    see(instance, kept("mail leaves"), at=start + timedelta(days=2))
    Instance.objects.update(promises=[kept("mail leaves")])
    customer = signed_in(instance.organisation, Role.OWNER)
    text = customer.get(f"/monitoring/of-line/{instance.line_id}").content.decode()
    assert "90.00 %" in text
    assert "1 d" in text
    assert "no &lt;route&gt;" in text
    assert "no &lt;answer&gt;" not in text, "before its first start it had only not begun"
    assert "/tickets/T-" in text
    assert "Passes" in text
    assert "<html" not in text


def test_a_failure_that_lasts_is_shown_as_such() -> None:
    start = now() - timedelta(hours=1)
    instance = a_running_instance(first_started_at=start)
    see(instance, broken(), at=start)
    customer = signed_in(instance.organisation, Role.READ_ONLY)
    text = customer.get(f"/monitoring/of-line/{instance.line_id}").content.decode()
    assert "Still fails" in text
    assert "0.00 %" in text


def test_a_service_that_never_started_has_nothing_to_show() -> None:
    instance = a_running_instance(first_started_at=None)
    customer = signed_in(instance.organisation, Role.OWNER)
    text = customer.get(f"/monitoring/of-line/{instance.line_id}").content.decode()
    assert "Nothing to watch yet" in text


def test_nobody_sees_the_outages_of_others() -> None:
    instance = a_running_instance()
    stranger = signed_in(a_customer("Stranger"), Role.OWNER)
    assert stranger.get(f"/monitoring/of-line/{instance.line_id}").status_code == 404
    assert Client().get(f"/monitoring/of-line/{instance.line_id}").status_code == 302


def test_the_page_of_a_service_asks_for_its_availability() -> None:
    instance = a_running_instance()
    customer = signed_in(instance.organisation, Role.OWNER)
    text = customer.get(f"/services/{instance.line.contract.reference}").content.decode()
    assert f'hx-get="/monitoring/of-line/{instance.line_id}"' in text
