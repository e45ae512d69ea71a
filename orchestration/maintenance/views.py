"""Pages of checks and of work on nodes, for operators."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.states import Right
from orchestration.convergence import comparison, rotation
from orchestration.maintenance import checks, queries, services
from orchestration.maintenance.access import check_for, work_for
from orchestration.maintenance.forms import OwnerForm, WorkForm
from orchestration.maintenance.judge import TITLES
from orchestration.maintenance.models import Check, NodeWork
from orchestration.maintenance.states import OPEN, How, Verdict, Work
from orchestration.nodes.access import node_for
from orchestration.windows.queries import of_node as times_of

PAGE = 200
EVENTS = 50
_CRUMBS = [("Maintenance", "/maintenance/")]
# The steps of the procedure as the page names them, in order, by the state in which each runs.
_STEPS = (
    (Work.PLANNED, "Wait for the window"),
    (Work.PREPARING, "Close the node"),
    (Work.WORKING, "Work on the machine"),
    (Work.CHECKING, "Check that all is well"),
    (Work.DONE, "Open the node"),
)


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the checks, the worst first, and the work that goes on."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    verdict, name = request.GET.get("verdict", ""), request.GET.get("name", "")
    found = queries.listed(request.user, verdict=verdict, name=name)
    works = NodeWork.objects.visible_to(request.user).filter(state__in=OPEN)
    facts = {
        "rows": [(one, TITLES.get(one.name, one.name)) for one in found[:PAGE]],
        "works": works.select_related("node", "occurrence")[:PAGE],
        "verdict": verdict,
        "verdicts": Verdict.values,
        "name": name,
        "names": TITLES.items(),
    }
    return render(request, "maintenance/list.html", facts)


@login_required
@require_GET
def of_node(request: UserRequest, reference: str) -> HttpResponse:
    """Return the checks of one node and the work on it."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    rows = Check.objects.visible_to(request.user).filter(node=node).order_by("name")
    works = NodeWork.objects.visible_to(request.user).filter(node=node)
    facts = {
        "node": node,
        "rows": [(one, TITLES.get(one.name, one.name)) for one in rows],
        "works": works.select_related("occurrence")[:10],
    }
    return render(request, "maintenance/_of_node.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def plan(request: UserRequest, reference: str) -> HttpResponse:
    """Plan work on a node within one of its windows."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    times = times_of(node, now())
    form = WorkForm(request.POST or None, times)
    if request.method == "POST" and form.is_valid():
        typed, by = form.cleaned_data, request.user.get_username()
        try:
            made = services.plan(
                node,
                form.occurrences[typed["occurrence"]],
                how=How(typed["how"]),
                what=typed["what"],
                at=now(),
                by=by,
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("maintenance:work", made.reference)
    crumbs = [("Nodes", "/nodes/"), (node.name, f"/nodes/{reference}")]
    facts = {"form": form, "node": node, "times": times, "crumbs": crumbs}
    return render(request, "maintenance/plan.html", facts, status=422 if form.errors else 200)


@login_required
@require_POST
def rotate_key(request: UserRequest, reference: str) -> HttpResponse:
    """Change the node's own SSH key; the next visits do it."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    rotation.begin(node, at=now(), by=request.user.get_username())
    messages.success(request, f"{node.name}: its key is changed by the next visit.")
    return redirect("nodes:detail", reference)


@login_required
@require_POST
def accept(request: UserRequest, reference: str) -> HttpResponse:
    """Let a node that is ahead of the restored Master have what the Master knows."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    if request.POST.get("name", "").strip() == node.name:
        comparison.accept(node, at=now(), by=request.user.get_username())
        messages.success(request, f"{node.name} gets what the Master knows.")
    else:
        messages.error(request, f"Type {node.name} to say that you have looked at it.")
    return redirect("nodes:detail", reference)


@login_required
@require_GET
def work(request: UserRequest, reference: str) -> HttpResponse:
    """Show work on a node: its steps live, what is to do, its history."""
    found = work_for(request.user, reference, right=Right.OPERATE)
    facts = _live(found) | {
        "events": history(found).order_by("-position")[:EVENTS],
        "crumbs": _CRUMBS,
    }
    return render(request, "maintenance/work.html", facts)


@login_required
@require_GET
def work_live(request: UserRequest, reference: str) -> HttpResponse:
    """Return the part of the page that moves."""
    found = work_for(request.user, reference, right=Right.OPERATE)
    return render(request, "maintenance/_work.html", _live(found))


def _live(found: NodeWork) -> dict[str, Any]:
    """Return the steps as the journal tells them; the last move is the row's own."""
    moves = {line.event: line.at for line in history(found) if line.event in Work.values}
    starts = {Work.PLANNED: found.created_at} | {Work(name): at for name, at in moves.items()}
    order = [state for state, _ in _STEPS]
    is_off = found.state == Work.CANCELLED
    here = order.index(Work(found.state)) if not is_off else len(order)
    steps = []
    for number, (state, name) in enumerate(_STEPS):
        begun = starts.get(state)
        ended = _next(starts, order[number + 1 :])
        is_over = number < here or found.state == Work.DONE
        word = "done" if begun and is_over else "skipped" if is_off else "waiting"
        if number == here and found.state != Work.DONE:
            word = "waiting" if state == Work.PLANNED else "running"
        seconds = int((ended - begun).total_seconds()) if begun and ended else None
        said = found.state_reason if number == here and not is_off else ""
        steps.append({"name": name, "state": word, "seconds": seconds, "message": said})
    return {
        "work": found,
        "steps": steps,
        "may_finish": found.state == Work.WORKING,
        "may_cancel": found.state in (Work.PLANNED, Work.PREPARING),
        "how": How(found.how).label,
    }


def _next(starts: dict[Work, datetime], order: list[Work]) -> datetime | None:
    return next((starts[state] for state in order if state in starts), None)


@login_required
@require_POST
def work_done(request: UserRequest, reference: str) -> HttpResponse:
    """Say that the work is done: everything starts again and is looked at."""
    found = work_for(request.user, reference, right=Right.OPERATE)
    services.finish(found, at=now(), by=request.user.get_username())
    return redirect("maintenance:work", reference)


@login_required
@require_POST
def work_cancel(request: UserRequest, reference: str) -> HttpResponse:
    """Call work off before anything was done."""
    found = work_for(request.user, reference, right=Right.OPERATE)
    why = request.POST.get("why", "").strip()[:300] or "not needed"
    services.cancel(found, at=now(), by=request.user.get_username(), why=why)
    return redirect("maintenance:work", reference)


@login_required
@require_GET
def check(request: UserRequest, reference: str) -> HttpResponse:
    """Show one check: what it found, since when, its past and its trend."""
    found = check_for(request.user, reference, right=Right.OPERATE)
    readings = list(found.readings.order_by("-at")[:PAGE])
    facts = {
        "check": found,
        "title": TITLES.get(found.name, found.name),
        "readings": readings[:EVENTS],
        "points": [(f"{one.at:%d %b}", one.value) for one in reversed(readings)]
        if any(one.value is not None for one in readings)
        else [],
        "form": OwnerForm(initial={"owner": found.owner}),
        "crumbs": _CRUMBS,
    }
    return render(request, "maintenance/check.html", facts)


@login_required
@require_POST
def owner(request: UserRequest, reference: str) -> HttpResponse:
    """Say who looks after a check."""
    found = check_for(request.user, reference, right=Right.OPERATE)
    form = OwnerForm(request.POST)
    if form.is_valid():
        checks.give_owner(found, form.cleaned_data["owner"])
    else:
        messages.error(request, "Give the mail address of a colleague, or nothing.")
    return redirect("maintenance:check", reference)
