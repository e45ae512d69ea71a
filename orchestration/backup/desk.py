"""What an operator sees of backups: policies, stores, drills, lost nodes and their takeovers."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.contracts import services as contracts
from erp.customers.states import Right
from orchestration.backup import queries, relocations, services, stores, takeovers
from orchestration.backup.access import relocation_for, repository_for, takeover_for
from orchestration.backup.forms import MoveForm, PolicyForm
from orchestration.backup.models import BackupRepository, Protection, Relocation, Takeover
from orchestration.backup.policy import agreed_in_words, policy_of
from orchestration.backup.states import UNDER_WAY, Stored
from orchestration.instances.access import instance_for, line_for
from orchestration.nodes.access import node_for
from orchestration.nodes.models import ComputeNode
from orchestration.nodes.queries import PATIENCE
from orchestration.nodes.states import SET_ASIDE, State

LOST = Q(state=State.UNREACHABLE) | Q(failures__gte=PATIENCE, state__in=SET_ASIDE)
PAGE = 50
FEW = 20
MOST = 200


@login_required
@require_GET
def overview(request: UserRequest) -> HttpResponse:
    """Show what is saved and how well, what is under way, and which nodes are lost."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    rows = Protection.objects.visible_to(request.user).select_related(
        "instance__line", "organisation", "repository__store"
    )
    before = before_key(request)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    page = list(rows.order_by("-pk")[: PAGE + 1])
    drilled = queries.newest_drills([row.instance_id for row in page])
    moves = Relocation.objects.visible_to(request.user).select_related("instance__line")
    facts = {
        "rows": [
            (row, policy_of(row.instance.line.backup), drilled.get(row.instance_id))
            for row in page[:PAGE]
        ],
        "next_url": f"?before={page[PAGE - 1].pk}" if len(page) > PAGE else "",
        "under_way": moves.filter(state__in=UNDER_WAY).order_by("-priority", "pk")[:MOST],
        "takeovers": Takeover.objects.visible_to(request.user).select_related("node")[:FEW],
        "lost": ComputeNode.objects.visible_to(request.user).filter(LOST)[:FEW],
        "stores": queries.stores(),
        "others": ComputeNode.objects.visible_to(request.user)
        .filter(keeps_backups=False)
        .exclude(state=State.RETIRED)[:FEW],
        "broken": BackupRepository.objects.visible_to(request.user)
        .filter(state=Stored.READY)
        .exclude(tend_failure="", problem="")
        .select_related("store")[:FEW],
    }
    return render(request, "backup/overview.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def policy(request: UserRequest, pk: int) -> HttpResponse:
    """Show and change how a service is kept safe."""
    line = line_for(request.user, pk, right=Right.OPERATE)
    form = PolicyForm(request.POST or None, initial=PolicyForm.initial_of(line.backup))
    if request.method == "POST" and form.is_valid():
        try:
            by = request.user.get_username()
            contracts.set_backup(line, form.policy(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Agreed: the next sweep follows it.")
            return redirect("services:detail", line.contract.reference)
    facts = {
        "form": form,
        "line": line,
        "agreed": agreed_in_words(policy_of(line.backup)),
        "crumbs": [("Backups", "/backups/")],
    }
    return render(request, "backup/policy.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def move(request: UserRequest, reference: str) -> HttpResponse:
    """Move a running instance to another node."""
    instance = instance_for(request.user, reference, right=Right.OPERATE)
    others = ComputeNode.objects.visible_to(request.user).filter(state=State.READY)
    form = MoveForm(request.POST or None, nodes=others.exclude(pk=instance.node_id or 0))
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        by = request.user.get_username()
        try:
            row = relocations.ask_move(instance, at=now(), by=by, to=facts["to"], why=facts["why"])
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("backup:relocation", row.reference)
    page = {
        "form": form,
        "instance": instance,
        "crumbs": [("Instances", "/instances/"), (reference, f"/instances/{reference}")],
    }
    return render(request, "backup/move.html", page, status=422 if form.errors else 200)


@login_required
@require_POST
def cancel(request: UserRequest, reference: str) -> HttpResponse:
    """Call a move off while nothing was changed."""
    row = relocation_for(request.user, reference, right=Right.OPERATE)
    try:
        relocations.cancel(row, at=now(), by=request.user.get_username())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("backup:relocation", reference)


@login_required
@require_http_methods(["GET", "POST"])
def give_up(request: UserRequest, reference: str) -> HttpResponse:
    """Show what a takeover of a lost node would bring back; confirmed by typing, begin it."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    if request.method == "POST":
        if request.POST.get("confirm") == node.name:
            try:
                made = takeovers.declare(node, at=now(), by=request.user.get_username())
            except DomainError as refusal:
                messages.error(request, str(refusal))
            else:
                if made:
                    return redirect("backup:takeover", made.reference)
                messages.error(request, "Nothing of it can be brought back: there is no backup.")
        else:
            messages.error(request, f"Type {node.name} to confirm.")
    facts = {
        "node": node,
        "is_lost": takeovers.is_lost(node),
        "instances": takeovers.lost_instances(node)[:MOST],
        "bare": takeovers.unprotected(node)[:MOST],
        "crumbs": [("Backups", "/backups/"), (node.name, f"/nodes/{node.reference}")],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "backup/give_up.html", facts, status=status)


@login_required
@require_GET
def takeover(request: UserRequest, reference: str) -> HttpResponse:
    """Show how a takeover goes: what came back, when, and with how much lost."""
    row = takeover_for(request.user, reference, right=Right.OPERATE)
    moves = row.relocations.select_related("instance__line", "organisation", "snapshot")
    facts = {
        "takeover": row,
        "moves": moves.order_by("-priority", "pk")[:MOST],
        "events": history(row),
        "crumbs": [("Backups", "/backups/")],
    }
    return render(request, "backup/takeover.html", facts)


@login_required
@require_POST
def keep(request: UserRequest, reference: str) -> HttpResponse:
    """Let a node keep others' backups, or no new ones."""
    node = node_for(request.user, reference, right=Right.OPERATE)
    stores.set_keeps(
        node, keeps=request.POST.get("keeps") == "yes", at=now(), by=request.user.get_username()
    )
    return redirect("backup:overview")


@login_required
@require_POST
def leave(request: UserRequest, reference: str) -> HttpResponse:
    """Write no more to a repository: the next sweep opens another one."""
    row = repository_for(request.user, reference, right=Right.OPERATE)
    try:
        by = request.user.get_username()
        services.leave_store(row, at=now(), by=by, why="left by hand")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("backup:overview")
