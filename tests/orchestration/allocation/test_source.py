"""Orders learn which places there are, and nothing of what is kept for others."""

from typing import Any

import pytest

from erp.base import scope
from erp.customers.models import Organisation
from erp.ports import Choice
from orchestration.allocation.source import KnownPlaces, UnknownPlace
from tests.orchestration.builders import a_customer, a_line, a_node

pytestmark = pytest.mark.django_db
NAMES = ("region", "countries", "network", "labels", "not_with", "unique_by_network", "dedicated")


@pytest.fixture
def customer() -> Organisation:
    customer = a_customer("Ours")
    a_node("one", region="paris", country="FR", labels=["ssd"])
    a_node("two", region="lille", country="FR", labels=["gpu", "ssd"])
    a_node("kept", region="secret", country="CH", dedicated_to=a_customer("Theirs"))
    a_node("gone", region="past", state="retired")
    return customer


def test_a_buyer_chooses_among_the_places_in_service(customer: Organisation) -> None:
    line = a_line(customer)
    with scope.organisations([customer.pk]):
        found = {one.name: one for one in KnownPlaces().choices(NAMES, buyer=customer.pk)}
    assert found["region"] == Choice(
        "region", "Region", "The one region that it runs in.", "one",
        [("lille", "lille"), ("paris", "paris")],
    )  # fmt: skip
    assert [value for value, _ in found["labels"].choices] == ["gpu", "ssd"]
    reference = line.contract.reference
    assert list(found["not_with"].choices) == [(reference, f"My site ({reference})")]
    # One country and no network: there is nothing to choose.
    assert sorted(found) == ["dedicated", "labels", "not_with", "region", "unique_by_network"]


@pytest.mark.parametrize(
    "sla",
    [
        {"region": "lille", "regions": ["lille", "oslo"], "countries": ["FR", "DE"]},
        {"labels": ["ssd", "gpu"], "node": "one", "dedicated": True},
        {},
    ],
)
def test_places_that_exist_are_no_reason_to_refuse(
    customer: Organisation, sla: dict[str, Any]
) -> None:
    with scope.organisations([customer.pk]):
        KnownPlaces().check(sla, buyer=customer.pk)


@pytest.mark.parametrize(
    ("sla", "words"),
    [
        ({"region": "secret"}, "Region: there is no secret; there are: lille, paris."),
        ({"region": "past"}, "Region: there is no past; there are: lille, paris."),
        ({"countries": ["CH"]}, "Allowed countries: there is no CH; there are: FR."),
        ({"labels": ["ssd", "tpu"]}, "Capabilities: there is no tpu; there are: gpu, ssd."),
        ({"network": "red"}, "Network: there is no red; there are: none."),
        ({"node": "three"}, "Node: there is no three; there are: one, two."),
    ],
)
def test_a_place_that_there_is_not_is_refused_with_those_that_there_are(
    customer: Organisation, sla: dict[str, Any], words: str
) -> None:
    with scope.organisations([customer.pk]), pytest.raises(UnknownPlace) as refusal:
        KnownPlaces().check(sla, buyer=customer.pk)
    assert str(refusal.value) == words


def test_a_strangers_service_is_as_good_as_none(customer: Organisation) -> None:
    mine, theirs = a_line(customer), a_line(a_customer("Stranger"))
    KnownPlaces().check({"with": [mine.contract.reference]}, buyer=customer.pk)
    with pytest.raises(UnknownPlace) as refusal:
        KnownPlaces().check({"not_with": [theirs.contract.reference]}, buyer=customer.pk)
    assert str(refusal.value) == (
        f"There is no service {theirs.contract.reference} of this customer; "
        f"there are: {mine.contract.reference}."
    )


def test_a_node_is_named_by_its_reference_too(customer: Organisation) -> None:
    node = a_node("three")
    KnownPlaces().check({"node": node.reference}, buyer=customer.pk)
