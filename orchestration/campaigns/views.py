"""Pages of upgrade campaigns: for operators, and for the customers who are asked."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base import scope
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.access import rights_of
from erp.customers.models import Organisation
from erp.customers.states import Kind as Of
from erp.customers.states import Right
from orchestration.campaigns import preview, queries, services
from orchestration.campaigns.access import campaign_for, contract_for, item_for, release_for
from orchestration.campaigns.forms import PlanForm, TermsForm, WhyForm
from orchestration.campaigns.models import Campaign, CampaignItem, UpgradeTerms
from orchestration.campaigns.states import CAMPAIGN_ARROWS, Campaigned, Consent, Item
from orchestration.node_agent.bundle import version
from orchestration.releases.models import SoftwareRelease

PAGE = 200
EVENTS = 50
_CRUMBS = [("Campaigns", "/campaigns/")]
_ACTS = {
    "pause": (Campaigned.PAUSED, services.pause, "Pause"),
    "go-on": (Campaigned.RUNNING, services.go_on, "Go on"),
    "return-all": (Campaigned.STOPPED, services.return_all, "Stop and bring everything back"),
    "cancel": (Campaigned.CANCELLED, services.cancel, "Give it up"),
}


def _operators_only(request: UserRequest) -> None:
    if Right.OPERATE not in request.rights:
        raise PermissionDenied


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the campaigns, and what could be upgraded."""
    _operators_only(request)
    rows = Campaign.objects.visible_to(request.user).select_related("release")
    releases = SoftwareRelease.objects.visible_to(request.user).defer("archive", "profile")
    shipped = version()
    facts = {
        "campaigns": rows.defer("release__archive")[:PAGE],
        "upgradable": [pair for pair in queries.upgradable(list(releases[:2000])) if pair[1]],
        "old_agents": queries.nodes_concerned(shipped).count(),
        "shipped": shipped[:12],
    }
    return render(request, "campaigns/list.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest, reference: str) -> HttpResponse:
    """Show whom an upgrade to this release concerns and what changes; start it."""
    release = release_for(request.user, reference, right=Right.OPERATE)
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        owner = Organisation.objects.visible_to(request.user).get(kind=Of.PROVIDER)
        at, by = now(), request.user.get_username()
        try:
            made = services.start(owner, release, form.plan(at), at=at, by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("campaigns:detail", made.reference)
    facts = {"form": form, "target": str(release), "crumbs": _CRUMBS} | _preview(release)
    return render(request, "campaigns/new.html", facts, status=422 if form.errors else 200)


def _preview(release: SoftwareRelease) -> dict[str, Any]:
    instances = list(queries.concerned(release)[: services.MOST])
    terms = queries.terms_of([one.line.contract_id for one in instances])
    kinds = {(one.release_id, one.software_type): one for one in instances}
    rows = [
        (
            one,
            preview.misfit(release.profile, one.software_type, one.parameters),
            one.line.contract_id in terms and terms[one.line.contract_id].needs_consent,
        )
        for one in instances[:PAGE]
    ]
    return {
        "rows": rows,
        "count": len(instances),
        "unsaved": services.unsaved(instances, release),
        "changes": [
            (str(one.release), one.software_type, preview.changes(
                one.release.profile, release.profile, one.software_type
            ))
            for _, one in sorted(kinds.items())
        ],
    }  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def new_agent(request: UserRequest) -> HttpResponse:
    """Show which nodes have another agent; upgrade them in waves."""
    _operators_only(request)
    form = PlanForm(request.POST or None)
    shipped = version()
    if request.method == "POST" and form.is_valid():
        owner = Organisation.objects.visible_to(request.user).get(kind=Of.PROVIDER)
        at, by = now(), request.user.get_username()
        try:
            made = services.start_agent(owner, shipped, form.plan(at), at=at, by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("campaigns:detail", made.reference)
    nodes = queries.nodes_concerned(shipped)
    facts = {
        "form": form,
        "target": f"agent {shipped[:12]}",
        "nodes": nodes[:PAGE],
        "count": nodes.count(),
        "crumbs": _CRUMBS,
    }
    return render(request, "campaigns/new.html", facts, status=422 if form.errors else 200)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show a campaign: its waves live, what failed and why, what can be done; its report."""
    campaign = campaign_for(request.user, reference, right=Right.OPERATE)
    facts = _live(campaign) | {
        "events": history(campaign).order_by("-position")[:EVENTS],
        "why": WhyForm(),
        "acts": [
            (name, words)
            for name, (to, _, words) in _ACTS.items()
            if to in CAMPAIGN_ARROWS[campaign.state]
            or (name == "return-all" and campaign.state == Campaigned.STOPPED)
        ],
        "crumbs": _CRUMBS,
    }
    return render(request, "campaigns/detail.html", facts)


@login_required
@require_GET
def live(request: UserRequest, reference: str) -> HttpResponse:
    """Return the part of the page that moves."""
    campaign = campaign_for(request.user, reference, right=Right.OPERATE)
    return render(request, "campaigns/_live.html", _live(campaign))


def _live(campaign: Campaign) -> dict[str, Any]:
    counts = queries.counts(campaign)
    items = campaign.items.select_related(
        "organisation", "instance__line", "node", "from_release"
    ).defer("from_release__archive", "node__desired_sealed")
    asked = campaign.items.filter(state=Item.WAITING, consent=Consent.ASKED).count()
    return {
        "campaign": campaign,
        "counts": [(state, count) for state, count in counts.items() if count],
        "total": sum(counts.values()),
        "items": items.order_by("wave", "pk")[:PAGE],
        "asked": asked,
        "shown": PAGE,
    }


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Pause, go on, bring everything back or give up, with a reason."""
    campaign = campaign_for(request.user, reference, right=Right.OPERATE)
    form = WhyForm(request.POST)
    if action in _ACTS and form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        _ACTS[action][1](campaign, at=now(), by=by, why=why)
    else:
        messages.error(request, "Give a reason.")
    return redirect("campaigns:detail", reference)


@login_required
@require_GET
def of_contract(request: UserRequest, reference: str) -> HttpResponse:
    """Return what is planned for a service, whether it was agreed, and what the contract says."""
    contract = contract_for(request.user, reference, right=Right.SEE)
    rights = rights_of(request.user, contract.organisation)
    with scope.everything("campaigns are the provider's; the contract was admitted"):
        rows = [_of_customer(one) for one in queries.open_for_contract(contract.pk)]
    terms = UpgradeTerms.objects.filter(contract=contract).first()
    said = {
        "needs_consent": terms.needs_consent if terms else False,
        "allows_security": terms.allows_security if terms else True,
    }
    facts = {
        "contract": contract,
        "rows": rows,
        "may_answer": Right.MANAGE_SERVICES in rights,
        "terms": TermsForm(initial=said) if Right.OPERATE in rights else None,
        "needs_consent": said["needs_consent"],
    }
    return render(request, "campaigns/_of_contract.html", facts)


def _of_customer(item: CampaignItem) -> dict[str, Any]:
    """Return what a customer sees of one upgrade."""
    instance, release, former = item.instance, item.campaign.release, item.from_release
    assert instance is not None and release is not None and former is not None
    return {
        "item": item,
        "service": instance.line.name,
        "target": str(release),
        "was": str(former),
        "until": item.campaign.answers_until,
        "changes": preview.changes(former.profile, release.profile, instance.software_type),
        "may_change": item.state == Item.WAITING and item.consent != Consent.NOT_NEEDED,
    }


@login_required
@require_POST
def terms(request: UserRequest, reference: str) -> HttpResponse:
    """Write down what a contract says of upgrades."""
    contract = contract_for(request.user, reference, right=Right.OPERATE)
    form = TermsForm(request.POST)
    form.is_valid()
    by = request.user.get_username()
    services.agree_terms(contract, at=now(), by=by, **form.cleaned_data)
    messages.success(request, "Kept: campaigns follow it from now on.")
    return redirect("services:detail", reference)


@login_required
@require_POST
def answer(request: UserRequest, reference: str) -> HttpResponse:
    """Agree to an upgrade of a service, or refuse it."""
    item = item_for(request.user, reference, right=Right.MANAGE_SERVICES)
    agrees = request.POST.get("answer") == "yes"
    with scope.everything("campaigns are the provider's; the item was admitted"):
        services.answer(item, agrees=agrees, at=now(), by=request.user.get_username())
    messages.success(request, _thanks(agrees))
    assert item.instance is not None, "only upgrades of services are asked for"
    return redirect("services:detail", item.instance.line.contract.reference)


def _thanks(agrees: bool) -> str:
    return "Thank you: it is upgraded with the next wave." if agrees else "It stays as it is."


@require_http_methods(["GET", "POST"])
def by_mail(request: HttpRequest) -> HttpResponse:
    """Let the reader of our mail answer, without signing in; the link says for what."""
    token = request.POST.get("token") or request.GET.get("token", "")
    with scope.everything("the signed link admits to one item"):
        item = services.item_of(token)
        if item is None or item.instance is None:
            raise Http404
        facts = _of_customer(item) | {"token": token, "said": ""}
        if request.method == "POST":
            agrees = request.POST.get("answer") == "yes"
            services.answer(item, agrees=agrees, at=now(), by="the link in the mail")
            facts["said"] = _thanks(agrees)
    response = render(request, "campaigns/by_mail.html", facts)
    response["Referrer-Policy"] = "no-referrer"
    return response
