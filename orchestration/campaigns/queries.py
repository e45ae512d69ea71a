"""Whom a campaign concerns, and which of its items may be taken next."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, When

from erp.customers.states import Kind as Of
from orchestration.campaigns.models import Campaign, CampaignItem, UpgradeTerms
from orchestration.campaigns.states import ENDED, MOVING, OPEN, Campaigned, Consent, Item
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested
from orchestration.monitoring.models import Outage
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import VISITED
from orchestration.releases.models import SoftwareRelease


def concerned(release: SoftwareRelease) -> QuerySet[Instance]:
    """Return what runs an older release of the product, the provider's own first: the canaries.

    What is shared stands on its host and follows it; what another campaign changes is left to it.
    """
    taken = CampaignItem.objects.filter(instance=OuterRef("pk"), state__in=OPEN)
    older = Instance.objects.filter(
        release__product=release.product,
        release__published_at__lt=release.published_at,
        is_shared=False,
    )
    rows = older.exclude(requested_state=Requested.DESTROYED).filter(~Exists(taken))
    own_first = Case(When(organisation__kind=Of.PROVIDER, then=0), default=1)
    rows = rows.select_related("organisation", "release", "line__contract")
    return rows.defer("release__archive").order_by(own_first, "pk")


def nodes_concerned(version: str) -> QuerySet[ComputeNode]:
    """Return the nodes with another agent."""
    rows = ComputeNode.objects.filter(state__in=VISITED).exclude(agent_version=version)
    return rows.exclude(agent_version="").defer("desired_sealed").order_by("created_at", "pk")


def upgradable(releases: Sequence[SoftwareRelease]) -> list[tuple[SoftwareRelease, int]]:
    """Return the newest release of each product, with how many instances run an older one."""
    newest: dict[str, SoftwareRelease] = {}
    for one in releases:
        known = newest.get(one.product)
        if known is None or (one.published_at, one.pk) > (known.published_at, known.pk):
            newest[one.product] = one
    live = Instance.objects.filter(is_shared=False).exclude(requested_state=Requested.DESTROYED)
    counted = live.order_by().values_list("release__product", "release").annotate(n=Count("pk"))
    older: dict[str, int] = {}
    for product, release, count in counted:
        if product in newest and release != newest[product].pk:
            older[product] = older.get(product, 0) + count
    return [(one, older.get(product, 0)) for product, one in sorted(newest.items())]


def running() -> QuerySet[Campaign]:
    """Return the campaigns in which something may move: also what goes back in a stopped one."""
    moving = CampaignItem.objects.filter(campaign=OuterRef("pk"), state__in=MOVING)
    return Campaign.objects.filter(Q(state=Campaigned.RUNNING) | Exists(moving)).order_by("pk")


def terms_of(contracts: Sequence[int]) -> dict[int, UpgradeTerms]:
    """Return what the contracts say about upgrades, where they say something."""
    return {one.contract_id: one for one in UpgradeTerms.objects.filter(contract__in=contracts)}


def takeable(campaign: Campaign, at: datetime) -> QuerySet[CampaignItem]:
    """Return the items that may be changed now: consent was given, or is not needed any more."""
    waiting = campaign.items.filter(state=Item.WAITING)
    free = Q(consent__in=[Consent.NOT_NEEDED, Consent.GIVEN])
    if campaign.is_security and at >= campaign.answers_until:
        barred = UpgradeTerms.objects.filter(
            contract=OuterRef("instance__line__contract"), allows_security=False
        )
        free |= Q(~Exists(barred), consent=Consent.ASKED)
    return waiting.filter(free).select_related("instance", "node").order_by("pk")


def unanswered(campaign: Campaign, at: datetime) -> QuerySet[CampaignItem]:
    """Return the items whose time to answer is over and that may not go on: also refused ones."""
    if at < campaign.answers_until:
        return campaign.items.none()
    without = [Consent.ASKED, Consent.REFUSED]
    late = campaign.items.filter(state=Item.WAITING, consent__in=without)
    return late.exclude(pk__in=takeable(campaign, at).values("pk")).order_by("pk")


def counts(campaign: Campaign) -> dict[str, int]:
    """Return how many items are in each state."""
    rows = campaign.items.order_by().values_list("state").annotate(n=Count("pk"))
    found = dict(rows)
    return {state: found.get(state, 0) for state in Item.values}


def fails(instance: Instance) -> str:
    """Return the promise that an instance breaks for longer than it may, or nothing."""
    row = Outage.objects.filter(instance=instance, until=None).order_by("since").first()
    return f"{row.promise}: {row.message}"[:300] if row else ""


def open_for_contract(contract_pk: int) -> QuerySet[CampaignItem]:
    """Return what is planned or under way for the services of a contract, and what was last."""
    rows = CampaignItem.objects.filter(instance__line__contract=contract_pk)
    rows = rows.filter(state__in=OPEN).exclude(campaign__state__in=ENDED)
    return rows.select_related("campaign__release", "instance__line", "from_release").defer(
        "campaign__release__archive", "from_release__archive"
    )
