"""The desk of dunning: the policy, who would get what when, what holds, and what was done."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from billing.dunning import queries, services
from billing.dunning.forms import DayForm, HoldForm, PolicyForm, written
from billing.dunning.models import DunningStep
from billing.ledger.services import day_in
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right

_USUAL_DAYS = 30
_SHOWN = 200


def _seller(request: UserRequest) -> tuple[Organisation, list[Organisation]]:
    choices = sellers_for(request.user, Right.RUN_BILLING)
    if not choices:
        raise PermissionDenied
    asked = request.GET.get("books", "")
    found = next((one for one in choices if not asked or one.reference == asked), None)
    if found is None:
        raise Http404
    return found, choices


@login_required
@require_GET
def desk(request: UserRequest) -> HttpResponse:
    """Show the policy of a seller and what it would do: nothing is sent by looking."""
    issuer, choices = _seller(request)
    return _page(request, issuer, choices, {})


def _page(
    request: UserRequest,
    issuer: Organisation,
    choices: list[Organisation],
    forms: dict[str, Form],
) -> HttpResponse:
    today = day_in(issuer, now())
    usual = today + timedelta(days=_USUAL_DAYS)
    days = DayForm(request.GET if "until" in request.GET else {"until": usual})
    until = days.day(usual)
    rows = list(DunningStep.objects.filter(organisation=issuer).order_by("position"))
    steps = [services.Wanted(one.days, one.action, one.fee_minor) for one in rows]  # type: ignore[arg-type]
    text = written(steps or services.usual(), issuer.currency)
    facts: dict[str, Any] = {
        "books": issuer,
        "choices": choices,
        "steps": rows,
        "until": until,
        "days_form": days,
        "foreseen": queries.foreseen(issuer, today, until)[:_SHOWN],
        "holds": queries.standing_holds(issuer)[:_SHOWN],
        "acts": queries.acts_of(issuer)[:_SHOWN],
        "policy_form": PolicyForm(issuer, initial={"steps": text}),
        "hold_form": HoldForm(issuer),
    }
    return render(request, "dunning/desk.html", facts | forms, status=422 if forms else 200)


def _policy(issuer: Organisation, form: Form, by: str) -> str:
    services.set_policy(issuer, form.cleaned_data["steps"], at=now(), by=by)
    return "The policy is kept."


def _hold(issuer: Organisation, form: Form, by: str) -> str:
    assert isinstance(form, HoldForm), "see WORK"
    customer = form.cleaned_data["customer"]
    services.hold(issuer, customer, form.pause(), at=now(), by=by)
    return f"Nothing happens to {customer} about it for now."


WORK: Mapping[str, tuple[Callable[..., Form], Callable[[Organisation, Form, str], str]]] = {
    "policy": (PolicyForm, _policy),
    "hold": (HoldForm, _hold),
}


@login_required
@require_POST
def act(request: UserRequest, action: str) -> HttpResponse:
    """Keep the policy, or hold it for somebody."""
    issuer, choices = _seller(request)
    make, work = WORK[action]
    form = make(issuer, request.POST)
    try:
        if form.is_valid():
            messages.success(request, work(issuer, form, request.user.get_username()))
            return redirect(f"{reverse('dunning:desk')}?books={issuer.reference}")
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _page(request, issuer, choices, {f"{action}_form": form})


@login_required
@require_POST
def end_hold(request: UserRequest) -> HttpResponse:
    """Let the policy go on."""
    issuer, _ = _seller(request)
    asked = request.POST.get("hold", "")
    pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    held = get_object_or_404(queries.standing_holds(issuer), pk=pk)
    services.end_hold(held, at=now(), by=request.user.get_username())
    messages.success(request, f"Dunning of {held.organisation} goes on.")
    return redirect(f"{reverse('dunning:desk')}?books={issuer.reference}")
