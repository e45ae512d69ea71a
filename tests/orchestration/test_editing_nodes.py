"""An operator says where a node is, what it can, and whom it is kept for."""

from typing import Any

import pytest

from erp.base.journal import history
from orchestration.nodes.models import ComputeNode
from tests.orchestration.builders import a_customer, a_node
from tests.orchestration.nodes import an_operator

pytestmark = pytest.mark.django_db


def typed(**changes: str) -> dict[str, str]:
    return {
        "name": "node-1", "region": "paris", "country": "fr", "network": "blue",
        "labels": "ssd, gpu,ssd", "dedicated_to": "",
    } | changes  # fmt: skip


def test_what_is_typed_stands_on_the_node_and_in_its_journal_once() -> None:
    node, customer, operator = a_node(), a_customer(), an_operator()
    path = f"/nodes/{node.reference}/edit"
    asked = typed(dedicated_to=customer.reference)
    assert operator.post(path, asked).status_code == 302
    assert operator.post(path, asked).status_code == 302
    node = ComputeNode.objects.get()
    found = (node.region, node.country, node.network, node.labels, node.dedicated_to)
    assert found == ("paris", "FR", "blue", ["gpu", "ssd"], customer)
    (line,) = history(node)
    assert (line.event, line.details["before"]["region"]) == ("edited", "main")
    assert line.details["after"]["dedicated_to"] == customer.reference
    page = operator.get(f"/nodes/{node.reference}").content.decode()
    assert "gpu, ssd" in page
    assert "Customer only" in page
    assert 'value="gpu, ssd"' in operator.get(path).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "other"}, "A node named other exists already."),
        ({"country": "France"}, "Enter a valid value"),
        ({"labels": "solid state"}, "is no label"),
        ({"region": ""}, "required"),
        ({"dedicated_to": "O-NOBODY"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(change: dict[str, Any], words: str) -> None:
    node = a_node()
    a_node("other")
    answer = an_operator().post(f"/nodes/{node.reference}/edit", typed(**change))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    node.refresh_from_db()
    assert (node.name, node.region) == ("node-1", "main")
    assert not history(node).exists()


def test_a_node_is_closed_for_maintenance_and_says_so() -> None:
    node, operator = a_node(), an_operator()
    operator.post(f"/nodes/{node.reference}/do/maintain", {"why": "new disks"})
    node.refresh_from_db()
    assert (node.state, node.closed_for) == ("closed", "maintenance")
    page = operator.get(f"/nodes/{node.reference}").content.decode()
    assert "Closed by hand: it stays closed until somebody opens it" in page
    operator.post(f"/nodes/{node.reference}/do/reopen", {"why": "done"})
    node.refresh_from_db()
    assert (node.state, node.closed_for) == ("ready", "")
