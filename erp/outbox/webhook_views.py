"""Pages of webhooks: where an organisation is told of events, and what was delivered."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.access import organisation_for
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.outbox import services, webhooks
from erp.outbox.access import delivery_for, endpoint_for
from erp.outbox.forms import EndpointForm, TestForm
from erp.outbox.models import Delivery, Endpoint
from erp.outbox.states import ENDPOINT_ARROWS, EndpointState, State

PAGE = 50
EVENTS_SHOWN = 30
ACTIONS = {"enable": webhooks.enable, "disable": webhooks.disable, "retire": webhooks.retire}


def _crumbs(organisation: Organisation) -> list[tuple[str, str]]:
    own = f"/organisations/{organisation.reference}"
    return [
        ("Organisations", "/organisations/"),
        (organisation.name, own),
        ("Webhooks", f"/webhooks/of/{organisation.reference}"),
    ]


@login_required
@require_http_methods(["GET", "POST"])
def of_organisation(request: UserRequest, reference: str) -> HttpResponse:
    """Show the webhooks of an organisation, and add one."""
    owner = organisation_for(request.user, reference, right=Right.MANAGE_MEMBERS)
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            made = webhooks.add(owner, at=now(), by=by, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Added: give its secret to the receiver, then send a test.")
            return redirect("webhooks:detail", made.reference)
    alive = Endpoint.objects.visible_to(request.user).filter(organisation=owner)
    facts = {
        "organisation": owner,
        "endpoints": alive.exclude(state=EndpointState.RETIRED).order_by("pk"),
        "form": form,
        "crumbs": _crumbs(owner)[:2],
    }
    return render(request, "webhooks/list.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one webhook with its deliveries, newest first; POST changes it."""
    endpoint = endpoint_for(request.user, reference)
    wish = {"url": endpoint.url, "events": endpoint.events}
    form = EndpointForm(request.POST or None, initial=wish)
    if request.method == "POST" and form.is_valid():
        webhooks.change(endpoint, at=now(), by=request.user.get_username(), **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("webhooks:detail", reference)
    before, found = before_key(request), Delivery.objects.filter(endpoint=endpoint)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: PAGE + 1])
    facts = {
        "endpoint": endpoint,
        "form": form,
        "test_form": TestForm(auto_id="test_%s"),
        "deliveries": rows[:PAGE],
        "ended": [State.SENT, State.GIVEN_UP],
        "next_url": f"?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "arrows": ENDPOINT_ARROWS[endpoint.state],
        "has_old_secret": endpoint.old_secret_until and now() < endpoint.old_secret_until,
        "events": history(endpoint).order_by("-position")[:EVENTS_SHOWN],
        "crumbs": _crumbs(endpoint.organisation),
    }
    return render(request, "webhooks/detail.html", facts, status=422 if form.errors else 200)


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Switch a webhook on or off, or retire it."""
    endpoint = endpoint_for(request.user, reference)
    if action not in ACTIONS:
        raise Http404
    ACTIONS[action](endpoint, at=now(), by=request.user.get_username())
    if action == "retire":
        return redirect("webhooks:of_organisation", endpoint.organisation.reference)
    return redirect("webhooks:detail", reference)


@login_required
@require_POST
def send_test(request: UserRequest, reference: str) -> HttpResponse:
    """Send an event that means nothing; the same form again is the same event."""
    endpoint, form = endpoint_for(request.user, reference), TestForm(request.POST)
    if form.is_valid():
        webhooks.send_test(endpoint, key=form.cleaned_data["key"], at=now())
        messages.success(request, "The test leaves within seconds: reload to see what came back.")
    return redirect("webhooks:detail", reference)


@login_required
@require_POST
def rotate(request: UserRequest, reference: str) -> HttpResponse:
    """Make a new secret; the old one signs too for a day."""
    webhooks.rotate(endpoint_for(request.user, reference), at=now(), by=request.user.get_username())
    messages.success(request, "For a day each call carries both signatures, old and new.")
    return redirect("webhooks:detail", reference)


@login_required
@require_POST
def secret(request: UserRequest, reference: str) -> HttpResponse:
    """Hand out the secret to who asks for it, as a fragment or as a page without scripts."""
    endpoint = endpoint_for(request.user, reference)
    shown = webhooks.show_secret(endpoint, at=now(), by=request.user.get_username())
    if request.htmx:
        answer = render(request, "components/copy.html", {"value": shown, "label": "Copy"})
    else:
        crumbs = _crumbs(endpoint.organisation)
        facts = {"endpoint": endpoint, "secret": shown, "crumbs": crumbs}
        answer = render(request, "webhooks/secret.html", facts)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@login_required
@require_POST
def replay(request: UserRequest, webhook_id: str) -> HttpResponse:
    """Deliver an event once more."""
    delivery = delivery_for(request.user, webhook_id)
    services.replay(delivery, at=now(), by=request.user.get_username())
    messages.success(request, "It is delivered again within seconds, with the same id.")
    return redirect("webhooks:detail", delivery.endpoint.reference)
