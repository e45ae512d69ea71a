"""Instances of an older release, a newer one, and nodes that take it up or do not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from erp.contracts.models import ContractLine
from erp.customers.models import Organisation
from orchestration.campaigns import services, waves
from orchestration.campaigns.models import Campaign
from orchestration.campaigns.services import Plan
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import SoftwareRelease
from tests.orchestration.builders import NOON, a_line, a_node, a_provider, a_release

MINUTE = timedelta(minutes=1)
QUICK: dict[str, Any] = {
    "pause_minutes": 30, "patience_minutes": 10, "watch_minutes": 5, "without_snapshot": True,
}  # fmt: skip


def running(count: int, *, owner: Organisation | None = None) -> list[Instance]:
    """Services that run the old release and keep their promises."""
    old = a_release()
    node = a_node(f"n{ComputeNode.objects.count()}", partitions=count)
    made = []
    for partition in node.partitions.order_by("pk"):
        line: ContractLine = a_line(owner)
        made.append(
            Instance.objects.create(
                organisation=line.organisation, line=line, release=old, secrets_sealed="",
                requested_state="started", state="started", state_since=NOON, created_at=NOON,
                observed_generation=1, partition=partition, node=node,
            )
        )  # fmt: skip
    return made


def newer(version: str = "2.0.0", **profile: Any) -> SoftwareRelease:
    release = a_release(version=version)
    facts = {"profile": release.profile | profile, "published_at": NOON + timedelta(days=1)}
    SoftwareRelease.objects.filter(pk=release.pk).update(**facts)
    release.refresh_from_db()
    return release


def a_campaign(release: SoftwareRelease, **changes: Any) -> Campaign:
    facts = QUICK | {"answers_until": NOON + timedelta(days=7)} | changes
    return services.start(a_provider(), release, Plan(**facts), at=NOON, by="ops")


def take_up(*, bad: Sequence[Instance] = (), bad_release: SoftwareRelease | None = None) -> None:
    """The nodes report every instance as what it should be; the bad ones fail on the release."""
    for instance in Instance.objects.select_related("release"):
        fails = instance.pk in {one.pk for one in bad} and instance.release == bad_release
        Instance.objects.filter(pk=instance.pk).update(
            observed_generation=instance.generation, state="failed" if fails else "started"
        )


def states(campaign: Campaign) -> list[str]:
    return list(campaign.items.order_by("pk").values_list("state", flat=True))


def go(campaign: Campaign, at: datetime) -> Campaign:
    """Two sweeps at the same moment: the second changes nothing that the first did not begin."""
    waves.advance(campaign.pk, at=at)
    return Campaign.objects.get(pk=campaign.pk)
