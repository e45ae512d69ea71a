"""Start a campaign, ask those concerned, answer, pause, give up; the waves are in `waves`."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core import signing
from django.db import IntegrityError, transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.outbox.letters import address
from erp.outbox.services import Letter, post
from erp.outbox.states import Topic
from orchestration.campaigns import preview, queries
from orchestration.campaigns.models import Campaign, CampaignItem, UpgradeTerms
from orchestration.campaigns.saving import saver
from orchestration.campaigns.states import Campaigned, Consent, Item, Kind
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import SoftwareRelease

SALT = "orchestration.campaigns.answer"
MOST = 5000
MOST_NAMED = 30


class NobodyConcerned(DomainError):
    """Everything runs this already: there is nothing to upgrade."""

    code = "nobody_concerned"
    status = 422


class NoSnapshot(DomainError):
    """Services that keep data cannot be saved first: confirm that you go on without."""

    code = "no_snapshot_before"
    status = 422


class BusyAlready(DomainError):
    """Another campaign changes some of these: end it first."""

    code = "busy_already"


class TooLate(DomainError):
    """This upgrade has begun, or is over: there is nothing to answer any more."""

    code = "too_late"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a campaign goes."""

    answers_until: datetime
    is_security: bool = False
    without_snapshot: bool = False
    canary: int = 1
    wave_size: int = 10
    pause_minutes: int = 30
    patience_minutes: int = 15
    watch_minutes: int = 5
    tolerance_per_cent: int = 0


def unsaved(instances: Sequence[Instance], release: SoftwareRelease) -> int:
    """Return how many of these keep data and cannot be saved first."""
    saves = saver()
    return sum(
        preview.has_data(release.profile, one.software_type) and not saves.can_save(one)
        for one in instances
    )


@transaction.atomic
def start(
    owner: Organisation, release: SoftwareRelease, plan: Plan, *, at: datetime, by: str
) -> Campaign:
    """Begin to upgrade everything that runs an older release of the product.

    Raises:
        NobodyConcerned: nothing does.
        NoSnapshot: something keeps data that cannot be saved first, and nobody confirmed it.
        BusyAlready: another campaign changes some of it.
    """
    instances = list(queries.concerned(release)[:MOST])
    if not instances:
        raise NobodyConcerned
    count = unsaved(instances, release)
    if count and not plan.without_snapshot:
        raise NoSnapshot(
            f"{count} of {len(instances)} services keep data and have no snapshot to return to: "
            "confirm that you go on without."
        )
    campaign = _open(owner, plan, at=at, by=by, kind=Kind.RELEASE, release=release)
    _add(campaign, instances, at=at)
    _tell(campaign, at=at)
    return campaign


@transaction.atomic
def start_agent(
    owner: Organisation, version: str, plan: Plan, *, at: datetime, by: str
) -> Campaign:
    """Begin to upgrade the agents: from now on no node changes its agent before its wave.

    Raises:
        NobodyConcerned: every node has this agent.
        BusyAlready: another campaign of the agent is not over.
    """
    nodes = list(queries.nodes_concerned(version)[:MOST])
    if not nodes:
        raise NobodyConcerned
    campaign = _open(owner, plan, at=at, by=by, kind=Kind.AGENT, agent_version=version)
    CampaignItem.objects.bulk_create(
        CampaignItem(
            organisation=owner, campaign=campaign, node=one, state=Item.WAITING, state_since=at
        )
        for one in nodes
    )
    ComputeNode.objects.filter(pk__in=[one.pk for one in nodes]).update(agent_held=True)
    return campaign


def _open(
    owner: Organisation,
    plan: Plan,
    *,
    at: datetime,
    by: str,
    kind: Kind,
    release: SoftwareRelease | None = None,
    agent_version: str = "",
) -> Campaign:
    campaign = Campaign(
        organisation=owner, kind=kind, release=release, agent_version=agent_version,
        started_by=by, created_at=at, state=Campaigned.RUNNING, state_since=at,
        answers_until=plan.answers_until, is_security=plan.is_security,
        without_snapshot=plan.without_snapshot, canary=plan.canary, wave_size=plan.wave_size,
        pause_minutes=plan.pause_minutes, patience_minutes=plan.patience_minutes,
        watch_minutes=plan.watch_minutes, tolerance_per_cent=plan.tolerance_per_cent,
    )  # fmt: skip
    try:
        with transaction.atomic():
            campaign.save()
    except IntegrityError as error:
        raise BusyAlready from error
    record(campaign, "started", at=at, by=by, why=campaign.target)
    return campaign


def _add(campaign: Campaign, instances: Sequence[Instance], *, at: datetime) -> None:
    """Write down every instance, with whether its customer is asked, and why it cannot go along."""
    release = campaign.release
    assert release is not None, "a campaign of instances has a release"
    terms = queries.terms_of([one.line.contract_id for one in instances])
    rows = []
    for one in instances:
        known = terms.get(one.line.contract_id)
        why = preview.misfit(release.profile, one.software_type, one.parameters)
        asked = known is not None and known.needs_consent and not why
        rows.append(
            CampaignItem(
                organisation_id=one.organisation_id,
                campaign=campaign,
                instance=one,
                from_release_id=one.release_id,
                consent=Consent.ASKED if asked else Consent.NOT_NEEDED,
                state=Item.SKIPPED if why else Item.WAITING,
                state_since=at,
                state_reason=why,
            )
        )
    try:
        with transaction.atomic():
            CampaignItem.objects.bulk_create(rows)
    except IntegrityError as error:
        raise BusyAlready from error


def _tell(campaign: Campaign, *, at: datetime) -> None:
    """Tell each organisation once what will be upgraded, and ask for each that needs consent."""
    rows = campaign.items.filter(state=Item.WAITING).select_related(
        "organisation", "instance__line__contract", "from_release"
    )
    told: dict[Organisation, list[str]] = defaultdict(list)
    for item in rows.defer("from_release__archive"):
        assert item.instance is not None, "a campaign of a release has instances"
        if item.consent == Consent.ASKED:
            _ask(campaign, item, at=at)
        else:
            told[item.organisation].append(item.instance.line.name)
    for organisation, names in told.items():
        facts = {
            "target": campaign.target,
            "services": sorted(names)[:MOST_NAMED],
            "more": max(len(names) - MOST_NAMED, 0),
            "link": address("/services/"),
        }
        key = f"{campaign.reference}:planned"
        letter = Letter(key, Topic.MAINTENANCE, "upgrade_planned", facts, about=campaign)
        post(organisation, letter, at=at)


def _ask(campaign: Campaign, item: CampaignItem, *, at: datetime) -> None:
    instance, release = item.instance, campaign.release
    assert instance is not None and release is not None and item.from_release is not None
    terms = UpgradeTerms.objects.get(contract=instance.line.contract)
    facts = {
        "target": campaign.target,
        "service": instance.line.name,
        "changes": preview.changes(
            item.from_release.profile, release.profile, instance.software_type
        ),
        "until": campaign.answers_until,
        "goes_on": campaign.is_security and terms.allows_security,
        "link": address(f"/campaigns/by-mail?token={token_of(item)}"),
    }
    key = f"{item.reference}:asked"
    post(
        item.organisation, Letter(key, Topic.MAINTENANCE, "upgrade_asked", facts, about=item), at=at
    )


def token_of(item: CampaignItem) -> str:
    """Return what lets the reader of a mail answer for one item, without signing in."""
    return signing.dumps(item.reference, salt=SALT, compress=True)


def item_of(token: str) -> CampaignItem | None:
    """Return the item of a mail's link, or None where it is none of ours."""
    try:
        reference = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    rows = CampaignItem.objects.select_related(
        "campaign__release", "instance__line", "from_release", "organisation"
    )
    rows = rows.defer("campaign__release__archive", "from_release__archive")
    return rows.filter(reference=str(reference)).first()


@transaction.atomic
def answer(item: CampaignItem, *, agrees: bool, at: datetime, by: str) -> None:
    """Take the customer's answer; until the upgrade begins they may change their mind.

    Raises:
        TooLate: it has begun, was not asked for, or the campaign is over.
    """
    rows = CampaignItem.objects.select_for_update(of=("self",)).select_related("campaign")
    item = rows.get(pk=item.pk)
    is_over = item.campaign.state in (Campaigned.DONE, Campaigned.CANCELLED)
    if item.state != Item.WAITING or item.consent == Consent.NOT_NEEDED or is_over:
        raise TooLate
    wanted = Consent.GIVEN if agrees else Consent.REFUSED
    if item.consent == wanted:
        return
    CampaignItem.objects.filter(pk=item.pk).update(consent=wanted, answered_by=by)
    record(item, f"consent_{wanted}", at=at, by=by)


@transaction.atomic
def agree_terms(
    contract: Contract, *, needs_consent: bool, allows_security: bool, at: datetime, by: str
) -> None:
    """Write down what a contract says about upgrades."""
    UpgradeTerms.objects.update_or_create(
        contract=contract,
        defaults={
            "organisation_id": contract.organisation_id,
            "needs_consent": needs_consent,
            "allows_security": allows_security,
        },
    )
    record(
        contract,
        "upgrade_terms",
        at=at,
        by=by,
        needs_consent=needs_consent,
        allows_security=allows_security,
    )


def pause(campaign: Campaign, *, at: datetime, by: str, why: str) -> None:
    """Begin no other; what is under way comes to its end."""
    move(campaign, Campaigned.PAUSED, at=at, by=by, why=why)


def go_on(campaign: Campaign, *, at: datetime, by: str, why: str = "") -> None:
    """Go on after a pause, or after it stopped itself: a person looked at what failed."""
    move(campaign, Campaigned.RUNNING, at=at, by=by, why=why, also={"next_wave_at": at})


@transaction.atomic
def cancel(campaign: Campaign, *, at: datetime, by: str, why: str) -> None:
    """Upgrade nothing more; what is upgraded stays, what waits is left alone."""
    move(campaign, Campaigned.CANCELLED, at=at, by=by, why=why)
    for item in campaign.items.filter(state=Item.WAITING).order_by("pk"):
        move(item, Item.SKIPPED, at=at, by=by, why="the campaign was cancelled")
    free_nodes(campaign)


@transaction.atomic
def return_all(campaign: Campaign, *, at: datetime, by: str, why: str) -> None:
    """Stop, and bring back what this campaign has upgraded, also what is well.

    Raises:
        IllegalMove, StaleState: it is over.
    """
    if campaign.state != Campaigned.STOPPED:
        move(campaign, Campaigned.STOPPED, at=at, by=by, why=why)
    if campaign.kind == Kind.RELEASE:
        for item in campaign.items.filter(state=Item.DONE).order_by("pk"):
            move(item, Item.RETURNING, at=at, by=by, why=why)


def free_nodes(campaign: Campaign) -> None:
    """Let the nodes of a campaign of the agent change their agent by themselves again."""
    if campaign.kind == Kind.AGENT:
        ComputeNode.objects.filter(pk__in=campaign.items.values("node")).update(agent_held=False)
