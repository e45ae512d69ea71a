"""A campaign in three clicks, its progress, and what a customer sees and answers."""

from urllib.parse import quote

import pytest
from django.test import Client

from erp.customers.states import Role
from orchestration.campaigns import services
from orchestration.campaigns.models import Campaign, CampaignItem, UpgradeTerms
from orchestration.campaigns.states import Consent
from tests.orchestration.builders import NOON, a_customer
from tests.orchestration.campaigns.upgrading import a_campaign, newer, running
from tests.orchestration.nodes import an_operator, signed_in

pytestmark = pytest.mark.django_db
TYPED = {
    "answer_days": "7", "canary": "1", "wave_size": "10", "pause_minutes": "30",
    "patience_minutes": "15", "watch_minutes": "5", "tolerance_per_cent": "0",
}  # fmt: skip


def test_an_operator_sees_whom_it_concerns_and_starts_it() -> None:
    one, _ = running(2)
    services.agree_terms(
        one.line.contract, needs_consent=True, allows_security=True, at=NOON, by="x"
    )
    release, client = newer(), an_operator()
    assert "2 services run an older one" in client.get("/campaigns/").content.decode()
    path = f"/campaigns/new/{release.reference}"
    page = client.get(path).content.decode()
    assert "when the customer agrees" in page
    assert "cannot be saved before the upgrade" in page
    assert "Prices come from the contracts" in page

    refused = client.post(path, TYPED)
    assert (refused.status_code, Campaign.objects.count()) == (422, 0)
    page = client.post(path, TYPED | {"without_snapshot": "on"}, follow=True).content.decode()
    campaign = Campaign.objects.get()
    assert campaign.reference in page
    assert "Not answered yet" in page
    client.post(f"/campaigns/{campaign.reference}/do/pause", {"why": "a look"})
    campaign.refresh_from_db()
    assert (campaign.state, campaign.state_reason) == ("paused", "a look")


def asked() -> CampaignItem:
    [one] = running(1)
    services.agree_terms(
        one.line.contract, needs_consent=True, allows_security=True, at=NOON, by="x"
    )
    return a_campaign(newer()).items.get()


def test_a_customer_agrees_on_the_page_of_the_service_and_a_stranger_cannot() -> None:
    item = asked()
    assert item.instance
    reference = item.instance.line.contract.reference
    owner = signed_in(item.organisation, Role.OWNER)
    page = owner.get(f"/campaigns/of-contract/{reference}").content.decode()
    assert "from static-site 1.0.0 to static-site 2.0.0" in page
    assert "Keep these terms" not in page
    path = f"/campaigns/items/{item.reference}/answer"
    stranger = signed_in(a_customer("Stranger"), Role.OWNER)
    assert stranger.post(path, {"answer": "yes"}).status_code == 404
    reader = signed_in(item.organisation, Role.READ_ONLY)
    assert reader.post(path, {"answer": "yes"}).status_code == 403
    owner.post(path, {"answer": "yes"})
    item.refresh_from_db()
    assert (item.consent, item.answered_by) == (
        Consent.GIVEN, f"owner-{item.organisation.reference}@people.example".lower(),
    )  # fmt: skip


def test_the_link_of_the_mail_answers_for_one_upgrade_without_signing_in() -> None:
    item = asked()
    token = services.token_of(item)
    path = f"/campaigns/by-mail?token={quote(token)}"
    assert "Agree to the upgrade" in Client().get(path).content.decode()
    item.refresh_from_db()
    assert item.consent == Consent.ASKED, "looking at it answers nothing"
    page = Client().post("/campaigns/by-mail", {"token": token, "answer": "no"})
    assert "It stays as it is." in page.content.decode()
    item.refresh_from_db()
    assert item.consent == Consent.REFUSED
    assert Client().get("/campaigns/by-mail?token=x").status_code == 404


def test_the_operator_keeps_what_a_contract_says_of_upgrades() -> None:
    [one] = running(1)
    reference = one.line.contract.reference
    client = an_operator()
    assert "Keep these terms" in client.get(f"/campaigns/of-contract/{reference}").content.decode()
    client.post(f"/campaigns/of-contract/{reference}/terms", {"needs_consent": "on"})
    terms = UpgradeTerms.objects.get()
    assert (terms.needs_consent, terms.allows_security) == (True, False)
