"""Upgrade campaigns: what they change, wave by wave, and what contracts say about it."""

from functools import partial

from django.db import models
from django.db.models import Q

from erp.base.identifiers import reference
from erp.base.lifecycle import Stateful
from erp.base.tenancy import TenantQuerySet
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from orchestration.campaigns.states import (
    CAMPAIGN_ARROWS,
    ITEM_ARROWS,
    OPEN,
    Campaigned,
    Consent,
    Item,
    Kind,
)
from orchestration.instances.models import Instance
from orchestration.nodes.models import ComputeNode
from orchestration.releases.models import SoftwareRelease


class UpgradeTerms(models.Model):
    """What a contract says about upgrades; without a row they may be made at any time."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    contract = models.OneToOneField(
        Contract, on_delete=models.PROTECT, related_name="upgrade_terms"
    )
    needs_consent = models.BooleanField(default=False)
    allows_security = models.BooleanField(default=True)

    objects = TenantQuerySet["UpgradeTerms"].as_manager()

    def __str__(self) -> str:
        return f"upgrades of {self.contract_id}"


class Campaign(Stateful):
    """One upgrade of everything that runs something older: a canary, then waves.

    `wave` is the one under way or done last (0 is the canary); the next begins at `next_wave_at`.
    """

    arrows = CAMPAIGN_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "G"))
    kind = models.CharField(max_length=7, choices=Kind.choices)
    release = models.ForeignKey(
        SoftwareRelease, null=True, blank=True, on_delete=models.PROTECT, related_name="campaigns"
    )
    agent_version = models.CharField(max_length=64, blank=True)
    is_security = models.BooleanField(default=False)
    without_snapshot = models.BooleanField(default=False)
    # Until when customers answer; from then on a security campaign goes on where it is allowed.
    answers_until = models.DateTimeField()
    canary = models.PositiveSmallIntegerField(default=1)
    wave_size = models.PositiveSmallIntegerField(default=10)
    pause_minutes = models.PositiveIntegerField(default=30)
    patience_minutes = models.PositiveIntegerField(default=15)
    watch_minutes = models.PositiveIntegerField(default=5)
    tolerance_per_cent = models.PositiveSmallIntegerField(default=0)
    wave = models.PositiveIntegerField(default=0)
    next_wave_at = models.DateTimeField(null=True, blank=True)
    started_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    objects = TenantQuerySet["Campaign"].as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="campaign_of_a_release_or_the_agent",
                condition=Q(kind=Kind.RELEASE, release__isnull=False, agent_version="")
                | Q(kind=Kind.AGENT, release=None, agent_version__gt=""),
            ),
            models.CheckConstraint(
                name="campaign_state_is_known", condition=Q(state__in=Campaigned.values)
            ),
            models.CheckConstraint(
                name="campaign_waves_have_a_size", condition=Q(canary__gte=1, wave_size__gte=1)
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(kind=Kind.AGENT) & ~Q(state__in=["done", "cancelled"]),
                name="campaign_one_of_the_agent",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def target(self) -> str:
        """Return what it upgrades to."""
        return str(self.release) if self.release else f"agent {self.agent_version[:12]}"


class CampaignItem(Stateful):
    """One instance or node of a campaign; its row says which step is next."""

    arrows = ITEM_ARROWS
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    reference = models.CharField(max_length=12, unique=True, default=partial(reference, "Z"))
    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="items")
    instance = models.ForeignKey(
        Instance, null=True, blank=True, on_delete=models.PROTECT, related_name="campaign_items"
    )
    node = models.ForeignKey(
        ComputeNode, null=True, blank=True, on_delete=models.PROTECT, related_name="campaign_items"
    )
    from_release = models.ForeignKey(
        SoftwareRelease, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    consent = models.CharField(max_length=10, choices=Consent.choices, default=Consent.NOT_NEEDED)
    answered_by = models.CharField(max_length=150, blank=True)
    wave = models.PositiveIntegerField(null=True, blank=True)
    # The snapshot that was asked for before the change, and the generation of the change.
    snapshot = models.PositiveIntegerField(null=True, blank=True)
    generation = models.PositiveIntegerField(default=0)
    well_since = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["CampaignItem"].as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="campaignitem_of_an_instance_or_a_node",
                condition=Q(instance__isnull=False, node=None)
                | Q(instance=None, node__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(state__in=OPEN),
                name="campaignitem_one_open_per_instance",
            ),
            models.CheckConstraint(
                name="campaignitem_state_is_known", condition=Q(state__in=Item.values)
            ),
        ]

    def __str__(self) -> str:
        return self.reference
