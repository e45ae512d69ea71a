"""Pages of maintenance windows for operators, and what customers see and move of them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base import scope
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.access import rights_of
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right
from orchestration.windows import queries, services
from orchestration.windows.access import contract_seen_by, occurrence_for, window_for
from orchestration.windows.forms import MoveForm, WhyForm, WindowForm
from orchestration.windows.models import MaintenanceWindow, Occurrence

PAGE = 200
EVENTS = 50
_CRUMBS = [("Windows", "/windows/")]


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the times ahead, and the windows that they come from."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    at = now()
    ahead = Occurrence.objects.visible_to(request.user).filter(ends_at__gt=at)
    windows = MaintenanceWindow.objects.visible_to(request.user).filter(ended_at=None)
    facts = {
        "ahead": ahead.select_related("window__node", "window__contract")[:PAGE],
        "windows": windows.select_related("node", "contract")[:PAGE],
        "at": at,
    }
    return render(request, "windows/list.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Plan a window."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    named = ("node", "region", "contract")
    initial = {name: request.GET[name] for name in named if name in request.GET}
    if initial:
        initial["of"] = next(iter(initial))
    form = WindowForm(request.POST or None, request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        owner = Organisation.objects.visible_to(request.user).get(kind=Kind.PROVIDER)
        by = request.user.get_username()
        try:
            window = services.plan(owner, form.scope(), form.rule(), form.terms(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("windows:detail", window.reference)
    status = 422 if form.errors else 200
    facts = {"form": form, "crumbs": _CRUMBS}
    return render(request, "windows/new.html", facts, status=status)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one window: its times, whom it concerns, its history."""
    window = window_for(request.user, reference, right=Right.OPERATE)
    services_there = queries.concerned(window).select_related("organisation", "line")
    facts = {
        "window": window,
        "times": window.occurrences.order_by("-starts_at")[:EVENTS],
        "concerned": services_there.defer("parameters")[:PAGE],
        "count": services_there.count(),
        "events": history(window).order_by("-position")[:EVENTS],
        "why": WhyForm(),
        "at": now(),
        "crumbs": _CRUMBS,
    }
    return render(request, "windows/detail.html", facts)


@login_required
@require_POST
def end(request: UserRequest, reference: str) -> HttpResponse:
    """Let a window come no more."""
    window = window_for(request.user, reference, right=Right.OPERATE)
    form = WhyForm(request.POST)
    if form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        services.end(window, at=now(), by=by, why=why)
        messages.success(request, "It comes no more.")
    else:
        messages.error(request, "Give a reason: those who were told of it read it.")
    return redirect("windows:detail", reference)


@login_required
@require_POST
def cancel(request: UserRequest, reference: str) -> HttpResponse:
    """Call one time off."""
    occurrence = occurrence_for(request.user, reference, right=Right.OPERATE)
    form = WhyForm(request.POST)
    if form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        services.cancel(occurrence, at=now(), by=by, why=why)
    else:
        messages.error(request, "Give a reason.")
    return redirect("windows:detail", occurrence.window.reference)


@login_required
@require_GET
def mine(request: UserRequest) -> HttpResponse:
    """Return what is planned for the services that the user sees; nothing where nothing is."""
    if Right.SEE not in request.rights:
        raise PermissionDenied
    with scope.everything("windows of nodes are the provider's; asked are the user's services"):
        ahead = queries.shown_to(request.user, now())
    return render(request, "windows/_mine.html", {"ahead": ahead})


@login_required
@require_GET
def of_contract(request: UserRequest, reference: str) -> HttpResponse:
    """Return what is planned for one service, with a form to move what may be moved."""
    contract = contract_seen_by(request.user, reference)
    at = now()
    with scope.everything("windows of nodes are the provider's; the contract was admitted"):
        ahead = queries.of_contract(contract.pk, at)
    may_move = Right.MANAGE_SERVICES in rights_of(request.user, contract.organisation)
    rows = [(one, may_move and one.window.movable_hours and one.starts_at > at) for one in ahead]
    return render(request, "windows/_of_contract.html", {"rows": rows, "contract": contract})


@login_required
@require_http_methods(["GET", "POST"])
def move(request: UserRequest, reference: str) -> HttpResponse:
    """Move one time of a contract's window, within its limits."""
    occurrence = occurrence_for(request.user, reference, right=Right.MANAGE_SERVICES)
    initial = {"starts_at": occurrence.starts_at}
    form = MoveForm(request.POST or None, initial=initial)
    window = occurrence.window
    back = f"/services/{window.contract.reference}" if window.contract else "/services/"
    if request.method == "POST" and form.is_valid():
        by, to = request.user.get_username(), form.cleaned_data["starts_at"]
        try:
            services.shift(occurrence, starts_at=to, at=now(), by=by)
        except DomainError as refusal:
            form.add_error("starts_at", str(refusal))
        else:
            messages.success(request, "Moved: everybody concerned is told.")
            return redirect(back)
    crumbs = [("Services", "/services/"), (window.contract or "Window", back)]
    facts = {"form": form, "occurrence": occurrence, "window": window, "crumbs": crumbs}
    return render(request, "windows/move.html", facts, status=422 if form.errors else 200)
