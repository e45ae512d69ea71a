"""The Master takes the meters that software declares, and refuses what nobody declared."""

from decimal import Decimal
from typing import Any

import pytest

from orchestration.instances.models import Instance
from orchestration.metering.models import Sample
from orchestration.metering.samples import BadSamples
from orchestration.metering.services import store
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.source import PublishedReleases
from tests.orchestration.builders import NOON, a_node, a_release
from tests.orchestration.metering.test_storing import a_sample, an_instance_on

pytestmark = pytest.mark.django_db
REQUESTS = {"name": "requests", "unit": "requests", "kind": "counter", "file": "data/requests"}
FILES = {"name": "files_stored", "unit": "files", "kind": "gauge", "command": ["count"]}


def declaring(release: SoftwareRelease, *meters: dict[str, Any]) -> None:
    profile = release.profile | {"types": {"default": {"meters": list(meters)}}}
    SoftwareRelease.objects.filter(pk=release.pk).update(profile=profile)


@pytest.fixture
def node() -> ComputeNode:
    return a_node()


@pytest.fixture
def instance(node: ComputeNode) -> Instance:
    return an_instance_on(node)


def stored(node: ComputeNode, instance: Instance, **said: Any) -> None:
    sample = a_sample(instance, 1) | said
    store(node, epoch="e", samples=[sample], at=NOON.replace(hour=13))


def test_a_declared_meter_is_stored_in_its_billed_unit(
    node: ComputeNode, instance: Instance
) -> None:
    declaring(instance.release, REQUESTS, FILES)
    batch = [
        a_sample(instance, 1, meter="requests", unit="requests", value="3"),
        a_sample(instance, 2, meter="files_stored", unit="files.h", value="0.5"),
    ]
    store(node, epoch="e", samples=batch, at=NOON.replace(hour=13))
    assert list(Sample.objects.order_by("sequence").values_list("meter", "quantity")) == [
        ("requests", Decimal(3)),
        ("files_stored", Decimal("0.5")),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"meter": "gold_bars", "unit": "requests"},
        {"meter": "requests", "unit": "s"},
        {"meter": "files_stored", "unit": "files"},
        {"meter": "cpu_seconds", "unit": "h"},
    ],
)
def test_what_nobody_declared_is_refused_with_all_of_the_batch(
    node: ComputeNode, instance: Instance, said: dict[str, str]
) -> None:
    declaring(instance.release, REQUESTS, FILES)
    with pytest.raises(BadSamples, match="no release of static-site declares a meter"):
        stored(node, instance, **said)
    assert not Sample.objects.exists()


def test_other_products_meters_are_not_ones_own(node: ComputeNode, instance: Instance) -> None:
    declaring(a_release("webdav"), REQUESTS)
    with pytest.raises(BadSamples):
        stored(node, instance, meter="requests", unit="requests")


def test_samples_from_before_an_upgrade_are_still_taken(
    node: ComputeNode, instance: Instance
) -> None:
    declaring(instance.release, REQUESTS)
    Instance.objects.update(release=a_release(version="2.0.0"))
    stored(node, instance, meter="requests", unit="requests")
    assert Sample.objects.get().meter == "requests"


def test_the_catalogue_knows_what_can_be_priced() -> None:
    declaring(a_release(), REQUESTS, FILES)
    (found,) = PublishedReleases().products()
    assert found.meters == {
        "cpu_seconds": "s",
        "memory_gib_hours": "GiB.h",
        "disk_gib_hours": "GiB.h",
        "backup_gib_hours": "GiB.h",
        "network_in_gib": "GiB",
        "network_out_gib": "GiB",
        "requests": "requests",
        "files_stored": "files.h",
    }
