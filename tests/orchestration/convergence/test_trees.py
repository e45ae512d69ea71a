"""Documents and reports of instance trees and of shared instances."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F

from orchestration.allocation import services as allocation
from orchestration.convergence import documents, intake, lease, sharing, tasks
from orchestration.convergence.observed import parse
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.monitoring.models import Outage
from orchestration.nodes.document import stored
from orchestration.nodes.models import ComputeNode, NodeLease
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider
from tests.orchestration.convergence.reports import a_partition, a_report
from tests.orchestration.convergence.test_schemas import faults
from tests.orchestration.instances.trees import front_end, releases_of_a_tree

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def node() -> ComputeNode:
    one = a_node(partitions=3)
    NodeLease.objects.create(organisation=one.organisation, node=one)
    lease.claim(one.pk, owner="me", at=NOON)
    return one


@pytest.fixture
def host(node: ComputeNode) -> Instance:
    """A front end of the provider, started, that publishes its CA."""
    front_end()
    line = a_line(a_provider())
    line.product = "front"
    line.save()
    instances.follow_contract(line.contract, at=NOON)
    host = Instance.objects.get(line=line)
    allocation.place(host.pk, at=NOON)
    take(node, host)
    host.refresh_from_db()
    return host


@pytest.fixture
def site(host: Instance) -> Instance:
    line = a_line(a_customer(), software_type="site", parameters={"domain": "a.example"})
    line.product = "front"
    line.save()
    instances.follow_contract(line.contract, at=NOON)
    site = Instance.objects.get(line=line)
    assert allocation.place(site.pk, at=NOON)
    return again(site)


def again(instance: Instance) -> Instance:
    return Instance.objects.get(pk=instance.pk)


def document(node: ComputeNode) -> dict[str, Any]:
    documents.recompute(node.pk, at=NOON)
    node.refresh_from_db()
    told = stored(node)
    assert told is not None
    assert faults("desired", told) == []
    return {slot["name"]: slot["instance"] for slot in told["partitions"]}


def take(node: ComputeNode, *found: Instance, **changes: Any) -> None:
    """Have the node report these as started, the first with `changes`."""
    documents.recompute(node.pk, at=NOON)
    node.refresh_from_db()
    parts = [
        a_partition(
            name=again(one).partition.name,  # type: ignore[union-attr]
            instance_uid=one.reference,
            generation=again(one).generation,
            connection={"ca": "the CA"},
            **(changes if one is found[0] else {}),
        )
        for one in found
    ]
    applied = changes.pop("applied", node.desired_revision)
    raw = a_report(
        node=node.reference,
        releases=[],
        partitions=parts,
        revision_applied=applied,
        state_hash=uuid4().hex,
    )
    intake.take(node, parse(raw, node=node.reference), fence=1, at=LATER)


def entry(site: Instance, ok: bool | None = True, message: str = "") -> list[dict[str, Any]]:
    line = {"uid": site.reference, "generation": again(site).generation}
    return [line | {"ok": ok, "message": message}]


def test_a_parent_is_told_what_its_children_publish(node: ComputeNode) -> None:
    line = a_line()
    releases_of_a_tree()
    instances.follow_contract(line.contract, at=NOON)
    parent = Instance.objects.get(parent=None)
    for one in Instance.objects.order_by("pk"):
        allocation.place(one.pk, at=NOON)
    assert document(node)["p0"]["children"] == {}
    assert "children" not in document(node)["p1"]
    database = parent.children.get(name="database")
    take(node, database)
    assert documents.stale([node.pk], most=1) == []
    instances.take_inputs(parent.pk, at=LATER)
    assert documents.stale([node.pk], most=1) == [node.pk]
    wanted = document(node)["p0"]
    assert (wanted["children"], wanted["generation"]) == ({"database": {"ca": "the CA"}}, 2)


def test_the_same_report_again_gives_the_parent_nothing_new(node: ComputeNode) -> None:
    line = a_line()
    releases_of_a_tree()
    instances.follow_contract(line.contract, at=NOON)
    for one in Instance.objects.order_by("pk"):
        allocation.place(one.pk, at=NOON)
    database = Instance.objects.get(name="database")
    take(node, database)
    sealed = again(database).connection_sealed
    take(node, database)
    assert again(database).connection_sealed == sealed


def test_what_is_shared_is_in_the_document_of_its_host(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    assert documents.stale([node.pk], most=1) == [node.pk]
    wanted = document(node)["p0"]["shared"]
    assert wanted == [
        {
            "uid": site.reference,
            "generation": 1,
            "requested_state": "started",
            "parameters": {"domain": "a.example"},
        }
    ]
    instances.request_change(
        site, state=Requested.STARTED, parameters={"domain": "b.example"}, limits={}, at=LATER
    )
    assert documents.stale([node.pk], most=1) == [node.pk]
    assert document(node)["p0"]["shared"][0]["parameters"] == {"domain": "b.example"}
    assert document(node)["p0"]["generation"] == 1, "the host's services are not restarted"


def test_a_shared_instance_starts_when_its_host_serves_it(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    take(node, host, shared=entry(site, ok=None))
    assert again(site).state == "starting"
    take(node, host, shared=entry(site))
    now = again(site)
    assert (now.state, now.observed_generation, now.first_started_at) == ("started", 1, LATER)
    connection = {"url": "https://a.example/", "ca": "the CA"}
    assert instances.connection_of(now) == connection
    take(node, host, shared=entry(site))
    assert again(site).connection_sealed == now.connection_sealed


def test_what_its_host_cannot_serve_fails_with_the_reason(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    take(node, host, shared=entry(site, ok=False, message="a.example is taken"))
    assert (again(site).state, again(site).state_reason) == ("failed", "a.example is taken")
    outage = Outage.objects.get(instance=site)
    assert (outage.promise, outage.message) == ("it is served", "a.example is taken")
    take(node, host, shared=entry(site))
    assert again(site).state == "started"
    assert Outage.objects.get(instance=site).until == LATER


def test_a_shared_instance_fails_with_its_host(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    take(node, host, shared=entry(site))
    take(node, host, state="failed", shared=entry(site))
    why = f"{host.reference}, on which it stands, is failed"
    assert (again(site).state, again(site).state_reason) == ("failed", why)


def test_a_stopped_one_stays_in_the_document_and_one_that_is_over_leaves_it(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    take(node, host, shared=entry(site))
    gone = {"parameters": site.parameters, "limits": {}, "at": LATER}
    instances.request_change(site, state=Requested.STOPPED, **gone)
    assert document(node)["p0"]["shared"][0]["requested_state"] == "stopped"
    take(node, host, shared=[entry(site)[0] | {"generation": 1}])
    assert again(site).state == "started", "the node has not yet what it should"
    take(node, host, shared=entry(site))
    assert again(site).state == "stopped"
    instances.request_change(site, state=Requested.DESTROYED, **gone)
    assert document(node)["p0"]["shared"] == []
    take(node, host, shared=[], applied="")
    assert again(site).state == "stopped", "the node has not yet what it should"
    take(node, host, shared=[])
    now = again(site)
    assert (now.state, now.host, now.connection_sealed, now.wiped_at) == ("wiped", None, "", LATER)


def test_a_node_speaks_of_what_is_shared_on_its_own_hosts_only(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    other = a_node("node-2")
    NodeLease.objects.create(organisation=other.organisation, node=other)
    lease.claim(other.pk, owner="me", at=NOON)
    evil = a_report(
        node=other.reference,
        releases=[],
        partitions=[a_partition(instance_uid=host.reference, shared=entry(site))],
    )
    intake.take(other, parse(evil, node=other.reference), fence=1, at=LATER)
    assert again(site).state == "placed"


def test_a_report_that_does_not_say_whether_it_is_well_is_refused(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    with pytest.raises(Exception, match="whether a shared instance is well"):
        take(node, host, shared=entry(site, ok="yes"))  # type: ignore[arg-type]


def test_what_its_node_never_knew_is_gone_by_the_sweep(
    node: ComputeNode, host: Instance, site: Instance
) -> None:
    take(node, host, shared=[])
    instances.request_change(
        site, state=Requested.DESTROYED, parameters=site.parameters, limits={}, at=LATER
    )
    assert sharing.gone(most=9) == [], "the node has not applied a document without it"
    documents.recompute(node.pk, at=NOON)
    ComputeNode.objects.filter(pk=node.pk).update(applied_revision=F("desired_revision"))
    assert sharing.gone(most=9) == [site.pk]
    tasks.sweep_desired()
    tasks.sweep_desired()
    assert (again(site).state, again(site).host) == ("wiped", None)
    sharing.settle(site.pk, at=LATER)
    assert sharing.gone(most=9) == []
