"""Drive a campaign by what its rows say: follow each item, judge, begin the next wave.

Every step is one transaction that may be cut off anywhere and is made again by the next sweep.
Nothing is waited for: what a node has not reported yet is looked at again by the next sweep.
"""

from datetime import datetime, timedelta

from django.db import transaction

from erp.base.lifecycle import move
from erp.tickets.services import report_cause, resolve_cause
from orchestration.campaigns import preview, queries
from orchestration.campaigns.models import Campaign, CampaignItem
from orchestration.campaigns.saving import saver
from orchestration.campaigns.services import free_nodes
from orchestration.campaigns.states import (
    MOVING,
    OPEN,
    WENT_WRONG,
    Campaigned,
    Consent,
    Item,
    Kind,
)
from orchestration.instances.models import Instance
from orchestration.instances.services import change_release
from orchestration.instances.states import Requested, State
from orchestration.node_agent.bundle import version
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import ReleaseOnNode

BY = "campaign"


@transaction.atomic
def advance(campaign_pk: int, *, at: datetime) -> None:
    """Take the steps that are due; repeating it changes nothing."""
    rows = Campaign.objects.select_for_update(of=("self",)).select_related(
        "release", "organisation"
    )
    campaign = rows.defer("release__archive").get(pk=campaign_pk)
    moving = campaign.items.filter(state__in=MOVING)
    loaded = moving.select_related("instance", "node", "from_release")
    for item in loaded.defer("from_release__archive", "node__desired_sealed").order_by("pk"):
        _follow(campaign, item, at)
    if campaign.state != Campaigned.RUNNING:
        return
    if _is_too_bad(campaign):
        _stop(campaign, at)
        return
    for item in queries.unanswered(campaign, at):
        is_no = item.consent == Consent.REFUSED
        why = "the customer refused" if is_no else "nobody answered in time"
        move(item, Item.SKIPPED, at=at, by=BY, why=why)
    if not campaign.items.filter(state__in=MOVING).exists():
        _next_wave(campaign, at)


def _follow(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    steps = {
        Item.SAVING: _saved,
        Item.CHANGING: _changed if item.instance else _agent_changed,
        Item.FAILED: _bring_back,
        Item.RETURNING: _came_back,
    }
    steps[Item(item.state)](campaign, item, at)


# One item.


def _begin(campaign: Campaign, item: CampaignItem, at: datetime, *, wave: int) -> None:
    """Save it where it keeps data and can be saved, else change it at once."""
    if item.node_id:
        ComputeNode.objects.filter(pk=item.node_id).update(agent_held=False, next_attempt_at=at)
        move(item, Item.CHANGING, at=at, by=BY, why=campaign.target, also={"wave": wave})
        return
    instance, release, saves = item.instance, campaign.release, saver()
    assert instance is not None and release is not None, "a campaign of a release has instances"
    if preview.has_data(release.profile, instance.software_type) and saves.can_save(instance):
        number = saves.ask(instance, at=at, by=BY, why=campaign.reference)
        facts = {"wave": wave, "snapshot": number}
        move(item, Item.SAVING, at=at, by=BY, also=facts)
        return
    _change(campaign, item, at, wave=wave)


def _saved(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    assert item.instance is not None and item.snapshot is not None
    said = saver().answer(item.instance, item.snapshot)
    if said == "good":
        _change(campaign, item, at, wave=item.wave or 0)
    elif said != "waiting" or _is_late(campaign, item, at):
        why = "no snapshot in time" if said == "waiting" else f"no snapshot: {said}"
        move(item, Item.SKIPPED, at=at, by=BY, why=why)


def _change(campaign: Campaign, item: CampaignItem, at: datetime, *, wave: int) -> None:
    instance, release = item.instance, campaign.release
    assert instance is not None and release is not None
    why = preview.misfit(release.profile, instance.software_type, instance.parameters)
    if why or instance.requested_state == Requested.DESTROYED:
        move(item, Item.SKIPPED, at=at, by=BY, why=why or "it is to be destroyed")
        return
    generation = change_release(instance, release, at=at, by=BY, why=campaign.reference)
    facts = {"wave": wave, "generation": generation, "well_since": None}
    move(item, Item.CHANGING, at=at, by=BY, why=campaign.target, also=facts)


def _changed(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    """Call it done when it was well for a while, failed when it is not well in time."""
    instance = item.instance
    assert instance is not None
    if instance.requested_state == Requested.DESTROYED:
        move(item, Item.SKIPPED, at=at, by=BY, why="it is to be destroyed")
        return
    trouble = _trouble(campaign, item, instance)
    if not trouble:
        _watch(campaign, item, at)
        return
    if item.well_since:
        CampaignItem.objects.filter(pk=item.pk).update(well_since=None)
    is_hopeless = _build_failed(campaign, instance)
    if is_hopeless or _is_late(campaign, item, at):
        move(item, Item.FAILED, at=at, by=BY, why=is_hopeless or trouble)


def _trouble(campaign: Campaign, item: CampaignItem, instance: Instance) -> str:
    if instance.observed_generation < item.generation:
        return instance.state_reason or "its node has not taken it up"
    if instance.requested_state != Requested.STARTED:
        return ""
    if instance.state != State.STARTED:
        return f"it is {instance.state}: {instance.state_reason}".rstrip(": ")
    return queries.fails(instance)


def _watch(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    since = item.well_since or at
    if at - since >= timedelta(minutes=campaign.watch_minutes):
        move(item, Item.DONE, at=at, by=BY, why="it keeps its promises")
    elif item.well_since is None:
        CampaignItem.objects.filter(pk=item.pk).update(well_since=at)


def _build_failed(campaign: Campaign, instance: Instance) -> str:
    """Return why the release cannot be had on the node of an instance, if that is known."""
    bad = ReleaseOnNode.objects.filter(
        node=instance.node_id, release=campaign.release_id, state="failed"
    )
    reason = bad.values_list("reason", flat=True).first()
    return f"the release cannot be built: {reason}"[:500] if reason is not None else ""


def _agent_changed(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    node = item.node
    assert node is not None
    if node.agent_version == campaign.agent_version and not node.failures and not node.failing:
        _watch(campaign, item, at)
    elif node.agent_refused == campaign.agent_version:
        reason = node.agent_refusal.partition("\n")[0]
        move(item, Item.FAILED, at=at, by=BY, why=f"the node put it back: {reason}"[:500])
    elif _is_late(campaign, item, at):
        move(item, Item.FAILED, at=at, by=BY, why="it did not change its agent in time")


def _is_late(campaign: Campaign, item: CampaignItem, at: datetime) -> bool:
    return at - item.state_since >= timedelta(minutes=campaign.patience_minutes)


def _bring_back(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    why = item.state_reason
    if item.node_id:
        # A bad agent was put back by the node itself; it is not offered another one.
        ComputeNode.objects.filter(pk=item.node_id).update(agent_held=True)
    move(item, Item.RETURNING, at=at, by=BY, why=why, also={"generation": 0})


def _came_back(campaign: Campaign, item: CampaignItem, at: datetime) -> None:
    """Ask for the former release and its data once, and look until the node has taken it up."""
    if item.node_id:
        move(item, Item.RETURNED, at=at, by=BY, why=item.state_reason)
        return
    instance, former = item.instance, item.from_release
    assert instance is not None and former is not None
    if instance.release_id != former.pk and instance.requested_state != Requested.DESTROYED:
        change_release(instance, former, at=at, by=BY, why=f"{campaign.reference} goes back")
        if item.snapshot is not None:
            saver().bring_back(instance, item.snapshot, at=at, by=BY)
        return
    is_back = instance.observed_generation >= instance.generation
    if is_back or instance.requested_state == Requested.DESTROYED:
        move(item, Item.RETURNED, at=at, by=BY, why=item.state_reason)


# The whole.


def _is_too_bad(campaign: Campaign) -> bool:
    """One failing canary is too bad; later, more than the tolerance of all that was tried."""
    if campaign.kind == Kind.AGENT and version() != campaign.agent_version:
        return True
    bad = campaign.items.filter(state__in=WENT_WRONG)
    if bad.filter(wave=0).exists():
        return True
    tried = campaign.items.filter(wave__isnull=False).count()
    return bad.count() * 100 > campaign.tolerance_per_cent * tried


def _stop(campaign: Campaign, at: datetime) -> None:
    bad = list(campaign.items.filter(state__in=WENT_WRONG).order_by("pk")[:3])
    why = "; ".join(f"{one.reference}: {one.state_reason}" for one in bad)
    why = why or "this Master ships another agent by now"
    move(campaign, Campaigned.STOPPED, at=at, by=BY, why=f"stopped by itself: {why}"[:1000])
    report_cause(
        _cause(campaign),
        organisation=campaign.organisation,
        subject=f"The campaign {campaign.reference} of {campaign.target} stopped itself",
        body=why,
        at=at,
        by=BY,
    )


def _cause(campaign: Campaign) -> str:
    return f"campaign:{campaign.reference}"


def _next_wave(campaign: Campaign, at: datetime) -> None:
    """Begin the canary, then wave after wave with a pause; done when nothing waits."""
    has_begun = campaign.items.filter(wave__isnull=False).exists()
    if not campaign.items.filter(state__in=OPEN).exists():
        _finish(campaign, at)
        return
    takeable = queries.takeable(campaign, at)
    if not has_begun:
        _take(campaign, list(takeable[: campaign.canary]), at, wave=0)
    elif campaign.next_wave_at is None:
        pause = at + timedelta(minutes=campaign.pause_minutes)
        Campaign.objects.filter(pk=campaign.pk).update(next_wave_at=pause)
    elif at >= campaign.next_wave_at:
        _take(campaign, list(takeable[: campaign.wave_size]), at, wave=campaign.wave + 1)


def _take(campaign: Campaign, items: list[CampaignItem], at: datetime, *, wave: int) -> None:
    """Begin a wave; where everybody left is still asked, it waits for the answers."""
    for item in items:
        _begin(campaign, item, at, wave=wave)
    if items:
        Campaign.objects.filter(pk=campaign.pk).update(wave=wave, next_wave_at=None)


def _finish(campaign: Campaign, at: datetime) -> None:
    found = queries.counts(campaign)
    said = ", ".join(f"{count} {state}" for state, count in found.items() if count)
    move(campaign, Campaigned.DONE, at=at, by=BY, why=said)
    free_nodes(campaign)
    resolve_cause(_cause(campaign), body=f"The campaign is over: {said}.", at=at, by=BY)
