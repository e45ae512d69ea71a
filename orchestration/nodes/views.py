"""Pages of compute nodes, for operators."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right
from orchestration.node_agent.bundle import version
from orchestration.nodes import callers, counting, limits, queries, services
from orchestration.nodes.access import node_for
from orchestration.nodes.forms import CallerForm, CredentialForm, MachineForm, PlaceForm, ReasonForm
from orchestration.nodes.models import ComputeNode, NodeCaller, NodeRoom
from orchestration.nodes.standing import PROMISES, in_words
from orchestration.nodes.states import ARROWS, State

PAGE = 50
PASSES = 20
MOST_OWNERS = 500
# Draining is confirmed on a page of its own, which shows where the instances would go.
ACTIONS = {
    "close": services.close,
    "maintain": services.close_for_maintenance,
    "reopen": services.reopen,
    "retire": services.retire,
}
_LEADS_TO = {
    "close": (State.CLOSED, "close"),
    "maintain": (State.CLOSED, "close for maintenance"),
    "reopen": (State.READY, "reopen"),
    "retire": (State.RETIRED, "retire"),
}


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the machines with state, last answer and room."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    after, named = request.GET.get("after", ""), request.GET.get("name", "")
    found = queries.with_capacity(request.user)
    if after:
        found = found.filter(name__gt=after)
    if named:
        found = found.filter(name__istartswith=named)
    nodes = list(found.order_by("name")[: PAGE + 1])
    next_url = ""
    if len(nodes) > PAGE:
        next_url = "?" + urlencode({"name": named, "after": nodes[PAGE - 1].name})
    nodes = nodes[:PAGE]
    rows = list(zip(nodes, queries.agent_states(nodes, version()), strict=True))
    return render(request, "nodes/list.html", {"rows": rows, "named": named, "next_url": next_url})


@login_required
@require_http_methods(["GET", "POST"])
def add(request: UserRequest) -> HttpResponse:
    """Add a machine: it is prepared by a worker, seen live on its page."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    form = MachineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        owner = Organisation.objects.visible_to(request.user).get(kind=Kind.PROVIDER)
        try:
            node = services.register(
                owner, form.machine(), at=now(), by=request.user.get_username()
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("nodes:detail", node.reference)
    status = 422 if form.errors else 200
    crumbs = [("Nodes", "/nodes/")]
    return render(request, "nodes/add.html", {"form": form, "crumbs": crumbs}, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def add_caller(request: UserRequest) -> HttpResponse:
    """Add a machine that nobody can reach: the answer is the command to run on it, shown once."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    form = CallerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        owner = Organisation.objects.visible_to(request.user).get(kind=Kind.PROVIDER)
        by = request.user.get_username()
        try:
            node = services.register_caller(owner, form.machine(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return _command(request, node)
    status = 422 if form.errors else 200
    facts = {"form": form, "crumbs": [("Nodes", "/nodes/")], "is_open": bool(settings.NODE_DOOR)}
    return render(request, "nodes/add_caller.html", facts, status=status)


@login_required
@require_POST
def command(request: UserRequest, reference: str) -> HttpResponse:
    """Make a new one-time command for a machine that calls us, and show it once."""
    return _command(request, node_for(request.user, reference, right=Right.OPERATE))


def _command(request: UserRequest, node: ComputeNode) -> HttpResponse:
    made = callers.new_command(node, at=now(), by=request.user.get_username())
    crumbs = [("Nodes", "/nodes/"), (node.name, f"/nodes/{node.reference}")]
    minutes = int(callers.TOKEN_LIFE.total_seconds() // 60)
    facts = {"node": node, "command": made, "minutes": minutes, "crumbs": crumbs}
    answer = render(request, "nodes/command.html", facts)
    answer["Cache-Control"] = "no-store"
    return answer


@login_required
@require_POST
def withdraw(request: UserRequest, reference: str) -> HttpResponse:
    """Refuse a node's certificate from now on."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    callers.withdraw(node, at=now(), by=request.user.get_username())
    messages.success(request, f"{node.name}: its certificate is refused from now on.")
    return redirect("nodes:detail", reference)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one machine: steps live, facts, partitions, passes, history."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    facts = _live(node) | {
        "crumbs": [("Nodes", "/nodes/")],
        "events": history(node).order_by("-position")[:PASSES],
        "reason": ReasonForm(),
        "credential": CredentialForm(),
        "actions": _actions(node),
        "may_drain": State.DRAINING in ARROWS[node.state],
        "caller": NodeCaller.objects.filter(node=node).first(),
    }
    return render(request, "nodes/detail.html", facts)


def _actions(node: ComputeNode) -> list[tuple[str, str]]:
    possible = [
        (name, words) for name, (to, words) in _LEADS_TO.items() if to in ARROWS[node.state]
    ]
    is_reopened = node.state in services.REOPENED
    return [(name, words) for name, words in possible if name != "reopen" or is_reopened]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: UserRequest, reference: str) -> HttpResponse:
    """Say where a node is, what it can, and whom it is kept for."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    owners = Organisation.objects.visible_to(request.user).exclude(kind=Kind.PROVIDER)
    form = PlaceForm(request.POST or None, node, list(owners.order_by("name", "pk")[:MOST_OWNERS]))
    if request.method == "POST" and form.is_valid():
        try:
            services.edit(node, form.place(), at=now(), by=request.user.get_username())
        except DomainError as refusal:
            form.add_error("name", str(refusal))
        else:
            return redirect("nodes:detail", reference)
    crumbs = [("Nodes", "/nodes/"), (node.name, f"/nodes/{node.reference}")]
    facts = {"node": node, "form": form, "crumbs": crumbs}
    return render(request, "nodes/edit.html", facts, status=422 if form.errors else 200)


@login_required
@require_GET
def live(request: UserRequest, reference: str) -> HttpResponse:
    """Return the part of the page that moves."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    return render(request, "nodes/_live.html", _live(node))


def _live(node: ComputeNode) -> dict[str, object]:
    partitions = node.partitions.select_related("instance__line", "instance__organisation")
    shown = services.fingerprint(node.host_key) if node.host_key else ""
    return {
        "node": node,
        "steps": [_shown_step(step) for step in node.steps.all()],
        "partitions": partitions.order_by("pk"),
        "passes": node.passes.order_by("-pk")[:PASSES],
        "fingerprint": shown,
        "agent": queries.agent_states([node], version())[0],
        "limits": limits.of_node(node.facts),
        "counted": counting.of_node(node.facts),
        "facts": [
            _shown_fact(name, value)
            for name, value in sorted(node.facts.items())
            if name not in limits.FACTS
        ],
        "room": NodeRoom.objects.filter(node=node).first(),
        "clock": "" if node.clock_offset_ms is None else in_words(node.clock_offset_ms),
        "failing": sorted(node.failing.items()),
        "promised": PROMISES,
    }


def _shown_fact(name: str, value: object) -> tuple[str, object]:
    """Return sizes as people read them; what a node tells of itself may be anything."""
    if name.endswith("_bytes") and isinstance(value, int):
        return name.removesuffix("_bytes"), filesizeformat(value)
    return name, value


def _shown_step(step: object) -> dict[str, object]:
    started, ended = step.started_at, step.ended_at  # type: ignore[attr-defined]
    seconds = round((ended - started).total_seconds(), 1) if started and ended else None
    return {
        "name": step.name,  # type: ignore[attr-defined]
        "state": step.state,  # type: ignore[attr-defined]
        "message": step.message,  # type: ignore[attr-defined]
        "seconds": seconds,
    }


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Close, reopen, drain or retire, with a reason."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    form = ReasonForm(request.POST)
    if action in ACTIONS and form.is_valid():
        why = form.cleaned_data["why"]
        ACTIONS[action](node, at=now(), by=request.user.get_username(), why=why)
        messages.success(request, f"{node.name}: {action}.")
    else:
        messages.error(request, "Give a reason.")
    return redirect("nodes:detail", reference)


@login_required
@require_POST
def try_again(request: UserRequest, reference: str) -> HttpResponse:
    """Enrol once more, with another password if one is given."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    password = request.POST.get("password", "")
    services.try_again(node, at=now(), by=request.user.get_username(), password=password)
    return redirect("nodes:detail", reference)


@login_required
@require_POST
def confirm_host_key(request: UserRequest, reference: str) -> HttpResponse:
    """Pin the host key that the operator pasted from the machine itself."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    form = MachineForm({"host_key": request.POST.get("host_key", "")})
    form.is_valid()
    key = form.cleaned_data.get("host_key", "")
    if key:
        services.confirm_host_key(node, key, at=now(), by=request.user.get_username())
    else:
        messages.error(request, "Paste the key as `ssh-ed25519 AAAA…`.")
    return redirect("nodes:detail", reference)
