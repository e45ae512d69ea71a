"""The JSON door of machines: nodes, releases, instances with log and secrets, availability."""

import io
import tarfile
from typing import Any

import pytest
from django.test import Client

from erp.customers.states import Role
from orchestration.convergence.models import ConvergencePass
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.monitoring.models import Outage
from orchestration.releases.archive import pack
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.services import CATALOGUE
from tests.orchestration.builders import NOON, a_line, a_node, a_provider
from tests.orchestration.nodes import a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(a_user(a_provider(), Role.OPERATOR))
    return client


def get(client: Client, path: str) -> Any:
    return client.get(f"/api/v1/{path}")


def post(client: Client, path: str, body: Any, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def publish(client: Client, archive: bytes) -> Any:
    return client.post("/api/v1/releases/publish", archive, "application/octet-stream")


def an_instance() -> Instance:
    line = a_line()
    instances.follow_contract(line.contract, at=NOON)
    return Instance.objects.get(line=line)


def owner_of(instance: Instance) -> Client:
    client = Client()
    client.force_login(a_user(instance.organisation, Role.OWNER))
    return client


def test_a_machine_is_registered_once_edited_closed_and_reopened(operator: Client) -> None:
    machine = {"name": "lille-1", "host": "192.0.2.7", "password": "once"}

    first, again = (post(operator, "nodes", machine, key="n1") for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert b"once" not in first.content
    assert first.json()["steps"][0]["state"] == "waiting"
    taken = post(operator, "nodes", machine, key="n2")
    assert (taken.status_code, taken.json()["type"]) == (409, "urn:tenantry:node_exists")
    both = post(operator, "nodes", machine | {"private_key": "k"}, key="n3")
    assert (both.status_code, list(both.json()["errors"])) == (400, ["__all__"])
    node = a_node("paris-1")
    path = f"nodes/{node.reference}"
    place = {"name": "paris-1", "region": "paris", "country": "FR", "labels": ["ssd", "gpu"]}
    edited = operator.put(f"/api/v1/{path}", place, "application/json").json()
    assert (edited["region"], edited["labels"]) == ("paris", ["gpu", "ssd"])
    closed = post(operator, f"{path}/close", {"why": "new disks"}).json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "new disks")
    assert post(operator, f"{path}/reopen", {"why": "done"}).json()["state"] == "ready"
    assert get(operator, "nodes?region=paris").json()["results"][0]["partitions"] == 2
    assert len(get(operator, f"{path}/partitions").json()["results"]) == 2
    events = [one["event"] for one in get(operator, f"{path}/events").json()["results"]]
    assert events[:2] == ["ready", "closed"]


def test_machines_are_for_operators(client: Client) -> None:
    node, instance = a_node(), an_instance()
    owner = owner_of(instance)
    for path in ("nodes", f"nodes/{node.reference}", "releases", "passes"):
        assert get(owner, path).status_code == 403
    assert publish(owner, b"").status_code == 403


def test_a_release_is_published_once_from_its_archive(operator: Client) -> None:
    archive = pack(CATALOGUE / "static-site")

    first, again = publish(operator, archive), publish(operator, archive)

    assert (first.status_code, first.json()) == (201, again.json())
    assert SoftwareRelease.objects.get().uid == first.json()["uid"]
    assert first.json()["profile"]["name"] == "static-site"
    for odd in (b"", b"no archive", archive[:100]):
        refused = publish(operator, odd)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:tenantry:bad_release")


def test_an_archive_that_leads_outside_is_refused(operator: Client) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../outside"), io.BytesIO())
    assert publish(operator, buffer.getvalue()).json()["type"] == "urn:tenantry:bad_release"
    linked = io.BytesIO()
    with tarfile.open(fileobj=linked, mode="w:gz") as tar:
        link = tarfile.TarInfo("software.toml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert "link" in publish(operator, linked.getvalue()).json()["title"]


def test_an_instance_tells_its_owner_how_far_it_came_and_the_operator_where(
    operator: Client,
) -> None:
    instance, node = an_instance(), a_node()
    sealed = instances.sealed_connection(instance, {"url": "http://a.example", "password": "pw"})
    reasons = {"placement_reasons": ["node-1 is full"], "log_tail": "line 1\nline 2"}
    Instance.objects.filter(pk=instance.pk).update(node=node, connection_sealed=sealed, **reasons)
    owner, path = owner_of(instance), f"instances/{instance.reference}"

    mine, theirs = get(owner, path).json(), get(operator, path).json()
    assert (mine["node"], theirs["node"]) == (None, node.reference)
    assert (mine["state"], mine["url"]) == ("waiting", "http://a.example")
    assert "full" not in get(owner, path).content.decode()
    assert "node-1 is full" in get(operator, path).content.decode()
    assert "pw" not in get(owner, path).content.decode()
    shown = post(owner, f"{path}/connection", {})
    assert shown.json()["connection"]["password"] == "pw"
    assert post(operator, f"{path}/connection", {}).status_code == 403
    assert get(owner, f"{path}/log").status_code == 403
    assert get(operator, f"{path}/log").json()["text"] == "line 1\nline 2"
    service = instance.line.contract.reference
    assert len(get(owner, f"instances?service={service}").json()["results"]) == 1
    assert get(owner, "instances?state=started").json()["results"] == []


def test_passes_outages_usage_and_availability_are_shown(operator: Client) -> None:
    instance, node = an_instance(), a_node()
    made = ConvergencePass.objects.create(
        organisation=node.organisation, node=node, fence=1, why="changed", outcome="applied",
        plan=[{"step": "start"}], log="did it", started_at=NOON,
    )  # fmt: skip
    Outage.objects.create(
        organisation=instance.organisation, instance=instance, promise="answers",
        tolerance_seconds=60, since=NOON, message="no answer",
    )  # fmt: skip
    owner, service = owner_of(instance), instance.line.contract.reference

    assert get(operator, f"passes?node={node.reference}").json()["results"][0]["id"] == made.pk
    assert get(operator, f"passes/{made.pk}").json()["log"] == "did it"
    (outage,) = get(owner, f"outages?service={service}&is_open=true").json()["results"]
    assert (outage["promise"], outage["until"]) == ("answers", None)
    assert get(owner, "outages?is_open=false").json()["results"] == []
    assert get(owner, f"usage/{service}").json() == []
    (row,) = get(owner, f"availability/{service}").json()
    assert (row["position"], row["share"]) == (1, None)
    endless = get(owner, f"availability/{service}?since=2000-01-01T00:00:00Z")
    assert endless.status_code == 400
