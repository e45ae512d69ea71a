"""A shared instance stands on one that takes it, and never on a stranger's."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from erp.customers.models import Organisation
from orchestration.allocation import hosts, queries, services, tasks
from orchestration.allocation.choose import Candidate, Wish
from orchestration.allocation.hosts import Host, choose_host
from orchestration.audit import instances_have_one_place
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider
from tests.orchestration.instances.trees import front_end

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def a_host() -> Callable[..., Instance]:
    front_end()
    node = a_node(partitions=9, region="fr")
    free = iter(node.partitions.order_by("pk"))

    def make(owner: Organisation, **columns: Any) -> Instance:
        line = a_line(owner)
        line.product = "front"
        line.save()
        instances.follow_contract(line.contract, at=NOON)
        placed = {"state": "started", "partition": next(free), "node": node} | columns
        Instance.objects.filter(line=line).update(**placed)
        return Instance.objects.get(line=line)

    return make


def a_site(owner: Organisation, **columns: Any) -> Instance:
    line = a_line(owner, software_type="site", parameters={"domain": "a.example"}, **columns)
    line.product = "front"
    line.save()
    instances.follow_contract(line.contract, at=NOON)
    return Instance.objects.get(line=line)


def placed(site: Instance) -> Instance | None:
    services.place(site.pk, at=LATER)
    site.refresh_from_db()
    return site.host


def a_place() -> Candidate:
    return Candidate(
        pk=1, reference="N-1", name="lille", region="fr", state="ready", free_partitions=0,
        free_memory_bytes=None, is_privileged=True, shares_customers=False,
    )  # fmt: skip


def a_candidate(number: int = 1, **facts: Any) -> Host:
    told: dict[str, Any] = {
        "pk": number,
        "reference": f"I-{number}",
        "organisation": 1,
        "requested_state": "started",
        "state": "started",
        "node": a_place(),
        "taken": 0,
    }
    return Host(**(told | facts))


def test_the_customers_own_comes_first_then_the_emptiest() -> None:
    full, empty = a_candidate(1, taken=5), a_candidate(2, taken=1)
    own = a_candidate(3, organisation=7, taken=9)
    fits, reasons = choose_host(Wish(organisation=7), [full, empty, own])
    assert [host.pk for host in fits] == [3, 2, 1]
    assert reasons == []


@pytest.mark.parametrize(
    ("facts", "sla", "reason"),
    [
        ({"requested_state": "stopped"}, {}, "I-1: it is to be stopped"),
        ({"state": "failed"}, {}, "I-1: it is failed"),
        ({}, {"region": "de"}, "I-1: the SLA asks for region de, it is in fr"),
        ({}, {"node": "paris"}, "I-1: the SLA asks for node paris"),
        ({}, {"labels": ["ssd"]}, "I-1: the SLA asks for ssd, which it has not"),
        (
            {},
            {"dedicated": True},
            "I-1: the SLA asks for dedicated, which what is shared cannot have",
        ),
        ({"taken": 1000}, {}, "I-1: 1000 stand on it already"),
    ],
)
def test_a_host_that_does_not_fit_says_why(
    facts: dict[str, Any], sla: dict[str, Any], reason: str
) -> None:
    wish = Wish(organisation=7, sla=sla)
    assert choose_host(wish, [a_candidate(**facts)]) == ([], [reason])


def test_a_site_stands_on_its_providers_front_end_and_takes_no_partition(
    a_host: Callable[..., Instance],
) -> None:
    host = a_host(a_provider())
    site = a_site(a_customer())
    assert site.is_shared
    assert placed(site) == host
    assert (site.state, site.partition, site.node) == ("placed", None, host.node)
    assert placed(site) == host


def test_a_site_never_stands_on_the_front_end_of_another_customer(
    a_host: Callable[..., Instance],
) -> None:
    a_host(a_customer("Stranger"))
    site = a_site(a_customer("Me"))
    assert placed(site) is None
    assert (site.state, site.placement_reasons) == ("waiting", [hosts.NOTHING])
    own = a_host(site.organisation)
    assert placed(site) == own


def test_a_site_waits_until_a_front_end_runs(a_host: Callable[..., Instance]) -> None:
    host = a_host(a_provider(), state="starting")
    site = a_site(a_customer())
    tasks.sweep_waiting()
    site.refresh_from_db()
    assert site.placement_reasons == [f"{host.reference}: it is starting"]
    Instance.objects.filter(pk=host.pk).update(state="started")
    tasks.sweep_waiting()
    site.refresh_from_db()
    assert (site.host, site.placement_reasons) == (host, [])


def test_a_site_whose_front_end_is_gone_finds_another(a_host: Callable[..., Instance]) -> None:
    old, site = a_host(a_provider()), a_site(a_customer())
    over = a_site(a_customer("Leaving"))
    assert placed(site) == placed(over) == old
    instances.request_change(over, state=Requested.DESTROYED, parameters={}, limits={}, at=LATER)
    Instance.objects.filter(pk=old.pk).update(state="wiped", partition=None)
    new = a_host(a_provider())
    tasks.sweep_waiting()
    tasks.sweep_waiting()
    for one in (site, over):
        one.refresh_from_db()
    assert (site.host, site.state) == (new, "placed")
    assert (over.host, over.state) == (None, "wiped")


def test_the_hosts_are_found_in_two_statements(
    a_host: Callable[..., Instance], django_assert_num_queries: Callable[..., object]
) -> None:
    made = [a_host(a_provider()) for _ in range(3)]
    site = a_site(a_customer())
    wish = services.wish_of(site)
    with django_assert_num_queries(2):  # type: ignore[attr-defined]
        found = queries.hosts_for(site, wish)
    assert [host.pk for host in found] == [one.pk for one in made]


def test_the_audit_finds_a_site_on_the_front_end_of_a_stranger(
    a_host: Callable[..., Instance],
) -> None:
    a_host(a_provider())
    strangers = a_host(a_customer("Stranger"))
    site = a_site(a_customer("Me"))
    assert placed(site)
    assert instances_have_one_place() == []
    Instance.objects.filter(pk=site.pk).update(host=strangers, node=a_node("node-2"))
    assert instances_have_one_place() == [
        f"{site.reference} stands on an instance of a stranger",
        f"{site.reference} is on another node than its host",
    ]
