"""Operators add, follow and retire machines; nobody else may."""

import re
from html import unescape
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from erp.base.journal import history
from erp.customers.states import Role
from orchestration.nodes.authority import authority_of
from orchestration.nodes.models import ComputeNode, NodeCaller
from orchestration.nodes.services import credential_of
from tests.orchestration.builders import NOON, a_customer, a_node, a_provider
from tests.orchestration.convergence.placed import an_instance_on
from tests.orchestration.nodes import HOST_KEY, a_registered_node, an_operator, signed_in

pytestmark = pytest.mark.django_db


def typed(**changes: Any) -> dict[str, Any]:
    return {
        "name": "lille-1",
        "host": "192.0.2.7",
        "port": "22",
        "ssh_user": "root",
        "password": "once",
        "private_key": "",
        "host_key": HOST_KEY + " root@lille-1",
        "region": "main",
        "partition_count": "3",
    } | changes


@pytest.fixture
def operator() -> Client:
    return an_operator()


def test_a_machine_is_added_and_followed_on_its_page(operator: Client) -> None:
    answer = operator.post("/nodes/add", typed())
    node = ComputeNode.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/nodes/{node.reference}")
    assert (node.state, node.partition_count, node.host_key) == ("enrolling", 3, HOST_KEY)
    assert credential_of(node) == "once"
    page = operator.get(f"/nodes/{node.reference}").content.decode()
    assert f'<live-refresh src="/nodes/{node.reference}/live">' in page
    for step in ("Reach the machine", "Install the agent", "Forget the one-time credential"):
        assert step in page.replace("&#x27;", "'")
    assert "once" not in page.split("<form")[0]
    live = operator.get(f"/nodes/{node.reference}/live").content.decode()
    assert "Reach the machine" in live
    assert "<html" not in live


def test_the_page_says_in_words_how_usage_is_counted(operator: Client) -> None:
    node = a_node(facts={"cpu_counted": "process tree", "network_counted": "not counted: why"})
    page = operator.get(f"/nodes/{node.reference}").content.decode()
    assert "a process that ends and is waited for by nobody of the service is missed" in page
    assert "<dt>Network</dt><dd>not counted: why</dd>" in page
    ComputeNode.objects.update(facts={})
    page = operator.get(f"/nodes/{node.reference}").content.decode()
    assert "How usage is counted" not in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"password": ""}, "Give a password or a private key, one of them."),
        ({"private_key": "-----BEGIN"}, "Give a password or a private key, one of them."),
        ({"host_key": "AAAA"}, "Give the key as"),
        ({"host_key": "ssh-ed25519 AAAA!"}, "Give the key as"),
        ({"host_key": "ssh-rsa " + HOST_KEY.split()[1]}, "Give the key as"),
        ({"ssh_user": "root; reboot"}, "Enter a valid value"),
        ({"name": "Lille 1"}, "valid"),
        ({"port": "70000"}, "65535"),
        ({"partition_count": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_form_that_cannot_be_right_says_what_is_wrong(
    operator: Client, change: dict[str, str], message: str
) -> None:
    answer = operator.post("/nodes/add", typed(**change))
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not ComputeNode.objects.exists()


def test_a_password_is_never_shown_again(operator: Client) -> None:
    page = operator.post("/nodes/add", typed(host="", password="s3cret-word")).content.decode()
    assert "s3cret-word" not in page


def test_the_same_machine_twice_is_refused_in_words(operator: Client) -> None:
    operator.post("/nodes/add", typed())
    answer = operator.post("/nodes/add", typed(name="other"))
    assert answer.status_code == 422
    assert "at 192.0.2.7:22 exists already" in answer.content.decode()


def test_a_failed_preparation_is_tried_again_with_another_password(operator: Client) -> None:
    node = a_registered_node(password="wrong")
    node.steps.filter(name="Sign in").update(state="failed", message="refuses user root")
    assert "refuses user root" in operator.get(f"/nodes/{node.reference}").content.decode()
    operator.post(f"/nodes/{node.reference}/try-again", {"password": "right"})
    node.refresh_from_db()
    assert credential_of(node) == "right"
    assert not node.steps.filter(state="failed").exists()
    operator.post(f"/nodes/{node.reference}/try-again", {"password": ""})
    node.refresh_from_db()
    assert credential_of(node) == "right"


def test_a_host_key_is_pinned_as_it_was_pasted_from_the_machine(operator: Client) -> None:
    node = a_registered_node(host_key="")
    answer = operator.post(f"/nodes/{node.reference}/host-key", {"host_key": "junk"}, follow=True)
    assert "Paste the key as" in answer.content.decode()
    operator.post(f"/nodes/{node.reference}/host-key", {"host_key": HOST_KEY + " root@x"})
    node.refresh_from_db()
    assert node.host_key == HOST_KEY
    assert "SHA256:" in operator.get(f"/nodes/{node.reference}").content.decode()
    assert "host_key_confirmed" in [line.event for line in history(node)]


@pytest.mark.parametrize(
    ("action", "state"), [("close", "closed"), ("maintain", "closed"), ("reopen", "ready")]
)
def test_a_node_is_closed_and_opened_with_a_reason(
    operator: Client, action: str, state: str
) -> None:
    node = a_node(state="closed" if action == "reopen" else "ready")
    operator.post(f"/nodes/{node.reference}/do/{action}", {"why": "new disks"})
    node.refresh_from_db()
    assert (node.state, node.state_reason) == (state, "new disks")


def test_without_a_reason_nothing_is_done(operator: Client) -> None:
    node = a_node()
    answer = operator.post(f"/nodes/{node.reference}/do/close", {"why": ""}, follow=True)
    node.refresh_from_db()
    assert node.state == "ready"
    assert "Give a reason." in answer.content.decode()


def test_what_has_no_arrow_is_refused_as_a_conflict(operator: Client) -> None:
    node = a_node()
    answer = operator.post(f"/nodes/{node.reference}/do/retire", {"why": "old"})
    assert answer.status_code == 409
    assert "is ready and cannot become retired" in answer.content.decode()
    assert "Retire" not in operator.get(f"/nodes/{node.reference}").content.decode()


def test_a_node_with_instances_is_not_retired(operator: Client) -> None:
    node = a_node(state="draining")
    an_instance_on(node)
    answer = operator.post(f"/nodes/{node.reference}/do/retire", {"why": "old"})
    assert answer.status_code == 409
    assert "There are 1 instances on node-1: drain it first." in answer.content.decode()


def test_an_action_that_does_not_exist_changes_nothing(operator: Client) -> None:
    node = a_node()
    operator.post(f"/nodes/{node.reference}/do/explode", {"why": "x"})
    node.refresh_from_db()
    assert node.state == "ready"


@pytest.mark.parametrize("path", ["", "add", "{}", "{}/live"])
def test_nodes_are_for_operators(path: str) -> None:
    node = a_node()
    customer = signed_in(a_customer(), Role.OWNER)
    accountant = signed_in(a_provider(), Role.ACCOUNTANT)
    url = "/nodes/" + path.format(node.reference)
    assert customer.get(url).status_code in {403, 404}
    assert accountant.get(url).status_code == 403
    assert Client().get(url).status_code == 302


def test_a_customer_changes_no_node() -> None:
    node = a_registered_node()
    customer = signed_in(a_customer(), Role.OWNER)
    for path in ("try-again", "host-key", "do/close"):
        answer = customer.post(f"/nodes/{node.reference}/{path}", {"why": "x", "host_key": "x"})
        assert answer.status_code == 404


def test_a_machine_that_is_not_prepared_cannot_be_opened_by_hand(operator: Client) -> None:
    node = a_registered_node()
    assert "Reason to reopen" not in operator.get(f"/nodes/{node.reference}").content.decode()
    answer = operator.post(f"/nodes/{node.reference}/do/reopen", {"why": "in a hurry"})
    assert answer.status_code == 409
    node.refresh_from_db()
    assert node.state == "enrolling"


def test_sizes_are_shown_as_people_read_them(operator: Client) -> None:
    node = a_node(facts={"memory_bytes": 8 * 2**30, "disk_bytes": "odd"})
    page = operator.get(f"/nodes/{node.reference}").content.decode().replace("\xa0", " ")
    assert "8.0 GB" in page
    assert "odd" in page


# Nodes that call us.


@pytest.fixture
def _door(settings: LazySettings) -> None:
    settings.NODE_DOOR = "door.example:8443"


@pytest.mark.usefixtures("_door")
def test_the_command_for_a_machine_that_calls_is_shown_once(operator: Client) -> None:
    answer = operator.post("/nodes/add-caller", typed_caller())
    node = ComputeNode.objects.get()
    assert (node.state, node.carrier, node.host) == ("enrolling", "https", "")
    page = unescape(answer.content.decode())
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'"enrol","door.example:8443","{authority_of(a_provider(), at=NOON).pin}"' in page
    token = page.split("TENANTRY_TOKEN=")[1].split(" ")[0]
    assert len(token) == 43
    followed = operator.get(f"/nodes/{node.reference}").content.decode()
    assert token not in followed
    assert "Wait for the machine&#x27;s call" in followed
    assert "Host key" not in followed


def typed_caller(**changes: Any) -> dict[str, Any]:
    facts = {"name": "shop-1", "region": "main", "agent_home": "/srv/tenantry"}
    return facts | {"partition_count": "3"} | changes


@pytest.mark.usefixtures("_door")
def test_a_new_command_ends_the_one_before_and_a_withdrawal_all(operator: Client) -> None:
    operator.post("/nodes/add-caller", typed_caller())
    node = ComputeNode.objects.get()
    first = NodeCaller.objects.get().token_hash
    assert "TENANTRY_TOKEN=" in operator.post(f"/nodes/{node.reference}/command").content.decode()
    assert NodeCaller.objects.get().token_hash not in {"", first}
    operator.post(f"/nodes/{node.reference}/withdraw")
    assert NodeCaller.objects.get().token_hash == ""
    assert [line.event for line in history(node).order_by("position")] == [
        "registered",
        "command_given",
        "command_given",
        "certificate_withdrawn",
    ]


@pytest.mark.usefixtures("_door")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agent_home": "/srv/a b"}, "Enter a valid value"),
        ({"agent_home": "srv"}, "Enter a valid value"),
        ({"service_address": "shop"}, "Enter a valid IPv4 or IPv6 address"),
        ({"partition_count": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_machine_that_cannot_be_made_is_said(
    operator: Client, change: dict[str, str], message: str
) -> None:
    answer = operator.post("/nodes/add-caller", typed_caller(**change))
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert not ComputeNode.objects.exists()


@pytest.mark.usefixtures("_door")
def test_two_machines_that_call_need_two_names_only(operator: Client) -> None:
    operator.post("/nodes/add-caller", typed_caller())
    assert operator.post("/nodes/add-caller", typed_caller(name="shop-2")).status_code == 200
    answer = operator.post("/nodes/add-caller", typed_caller())
    assert answer.status_code == 422
    assert "A node named shop-1 exists already." in answer.content.decode()


def test_without_a_door_the_page_says_what_to_set(operator: Client, settings: LazySettings) -> None:
    settings.NODE_DOOR = ""
    assert "TENANTRY_NODE_DOOR" in operator.get("/nodes/add-caller").content.decode()


def test_a_node_over_ssh_gets_no_command(operator: Client) -> None:
    node = a_node()
    answer = operator.post(f"/nodes/{node.reference}/withdraw")
    assert answer.status_code == 409
    assert "This node does not call" in answer.content.decode()


def test_a_long_list_of_nodes_is_read_page_by_page_and_found_by_the_begin_of_a_name(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.nodes.views.PAGE", 2)
    for name in ("paris-1", "lyon-1", "paris-2", "paris-3"):
        a_node(name)

    def shown(query: str) -> list[str]:
        page = operator.get("/nodes/" + query).content.decode()
        return re.findall(r">((?:paris|lyon)-\d)</a>", page)

    assert shown("") == ["lyon-1", "paris-1"]
    assert 'href="?name=&amp;after=paris-1"' in operator.get("/nodes/").content.decode()
    assert shown("?after=paris-1") == ["paris-2", "paris-3"]
    assert shown("?name=PARIS") == ["paris-1", "paris-2"]
    assert "No such node" in operator.get("/nodes/?name=rome").content.decode()
