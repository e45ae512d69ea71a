"""Where would this go, and why not there: the page and the JSON door."""

from typing import Any

import pytest
from django.test import Client

from erp.customers.models import Organisation
from erp.customers.states import Role
from orchestration.instances import services as instances
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import NOON, a_customer, a_line, a_node, a_provider, a_release
from tests.orchestration.nodes import an_operator, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Organisation:
    a_release()
    a_node("near", region="paris", partitions=1)
    a_node("far", region="lille", partitions=2)
    return a_customer("Ours")


def ask(client: Client, body: dict[str, Any]) -> Any:
    return client.post("/api/v1/placement/dry-run", body, content_type="application/json")


def test_the_page_ranks_every_node_or_says_why_not(customer: Organisation) -> None:
    operator = an_operator()
    assert "Why not" not in operator.get("/placement/").content.decode()
    asked = {"customer": customer.reference, "product": "static-site", "memory_mib": "256"}
    page = operator.get("/placement/", asked).content.decode()
    assert page.index(">far</a>") < page.index(">near</a>")
    assert "2 fit, 0 do not" in page
    page = operator.get("/placement/", asked | {"at_region": "paris"}).content.decode()
    assert "the SLA asks for region paris, it is in lille" in page
    assert "1 fit, 1 do not" in page
    assert not Instance.objects.exists()


@pytest.mark.parametrize(
    "change", [{"at_region": "mars"}, {"product": "nothing"}, {"memory_mib": "-1"}]
)
def test_a_question_that_cannot_be_is_shown_again(
    customer: Organisation, change: dict[str, str]
) -> None:
    asked = {"customer": customer.reference, "product": "static-site"} | change
    answer = an_operator().get("/placement/", asked)
    assert answer.status_code == 422
    assert "fit," not in answer.content.decode()


def test_the_json_door_says_the_same(customer: Organisation) -> None:
    body = {"organisation": customer.reference, "sla": {"region": "paris"}}
    answer = ask(an_operator(), body)
    near, far = (ComputeNode.objects.get(name=name).reference for name in ("near", "far"))
    assert answer.json() == {
        "fits": 1,
        "refused": 1,
        "nodes": [
            {"node": near, "name": "near", "rank": 1, "reason": ""},
            {
                "node": far,
                "name": "far",
                "rank": None,
                "reason": "the SLA asks for region paris, it is in lille",
            },
        ],
    }


def test_an_unknown_filter_is_refused_with_those_that_there_are(customer: Organisation) -> None:
    body = {"organisation": customer.reference, "sla": {"colour": "red"}}
    answer = ask(an_operator(), body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tenantry:unknown_filter")
    assert "region" in answer.json()["known"]
    schema = an_operator().get("/api/v1/placement/schema").json()
    assert sorted(schema["properties"]) == answer.json()["known"]


def test_a_waiting_request_shows_its_reasons_as_they_are_now(customer: Organisation) -> None:
    line = a_line(customer, sla={"region": "rome"})
    instances.follow_contract(line.contract, at=NOON)
    waiting, operator = Instance.objects.get(line=line), an_operator()
    page = operator.get(f"/instances/{waiting.reference}").content.decode()
    assert f"/placement/of-instance/{waiting.reference}" in page
    path = f"/placement/of-instance/{waiting.reference}"
    assert "0 fit, 2 do not" in operator.get(path).content.decode()
    assert ask(operator, {"instance": waiting.reference}).json()["refused"] == 2
    a_node("roman", region="rome")
    assert "1 fit, 2 do not" in operator.get(path).content.decode()
    Instance.objects.filter(pk=waiting.pk).update(sla={"colour": "red"})
    assert "Unknown SLA filter" in operator.get(path).content.decode()


def test_one_of_instance_and_customer_is_named(customer: Organisation) -> None:
    answer = ask(an_operator(), {"product": "static-site"})
    assert answer.status_code == 400
    assert "one of them" in str(answer.json()["errors"])


def test_placement_is_for_operators(customer: Organisation) -> None:
    body = {"organisation": customer.reference}
    for client, statuses in (
        (signed_in(customer, Role.OWNER), {403}),
        (signed_in(a_provider(), Role.ACCOUNTANT), {403}),
        (Client(), {302, 401, 403}),
    ):
        assert client.get("/placement/").status_code in statuses
        assert ask(client, body).status_code in statuses
