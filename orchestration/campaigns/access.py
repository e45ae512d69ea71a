"""The one way from a user to a campaign and to one of its items."""

from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.contracts.models import Contract
from erp.customers.access import require
from erp.customers.states import Right
from orchestration.campaigns.models import Campaign, CampaignItem
from orchestration.releases.models import SoftwareRelease


def campaign_for(user: AnyUser, reference: str, *, right: Right) -> Campaign:
    """Return the campaign if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Campaign.objects.visible_to(user).select_related("organisation", "release")
    campaign = get_object_or_404(visible.defer("release__archive"), reference=reference)
    require(user, campaign.organisation, right)
    return campaign


def item_for(user: AnyUser, reference: str, *, right: Right) -> CampaignItem:
    """Return one item if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = CampaignItem.objects.visible_to(user)
    found = visible.select_related("organisation", "instance__line__contract")
    item = get_object_or_404(found, reference=reference)
    require(user, item.organisation, right)
    return item


def release_for(user: AnyUser, reference: str, *, right: Right) -> SoftwareRelease:
    """Return the release if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = SoftwareRelease.objects.visible_to(user).select_related("organisation")
    release = get_object_or_404(visible.defer("archive"), reference=reference)
    require(user, release.organisation, right)
    return release


def contract_for(user: AnyUser, reference: str, *, right: Right) -> Contract:
    """Return the contract if the user has this right on it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    visible = Contract.objects.visible_to(user).select_related("organisation")
    contract = get_object_or_404(visible, reference=reference)
    require(user, contract.organisation, right)
    return contract
