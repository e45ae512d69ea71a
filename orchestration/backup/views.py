"""What a customer sees of backups, and does with them: restore, copy, look at drills."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import JournalLine, history
from erp.customers.access import rights_of
from erp.customers.states import Right
from orchestration.backup import drills, queries, relocations, services
from orchestration.backup.access import drill_for, relocation_for, snapshot_for
from orchestration.backup.models import Drill, Protection, Relocation, Snapshot
from orchestration.backup.policy import Policy, agreed_in_words, policy_of
from orchestration.backup.states import DRILL_UNDER_WAY, UNDER_WAY, SnapshotState
from orchestration.instances.access import instance_for, line_for
from orchestration.instances.models import Instance

SHOWN = 50
FEW = 10
EVENTS = 100


@login_required
@require_GET
def of_line(request: UserRequest, pk: int) -> HttpResponse:
    """Return how a service is saved: when last, how much, and what can be done."""
    line = line_for(request.user, pk, right=Right.SEE)
    rows = Protection.objects.visible_to(request.user).filter(instance__line=line)
    parts = list(rows.select_related("instance").order_by("instance"))
    policy = policy_of(line.backup)
    facts = {
        "line": line,
        "agreed": agreed_in_words(policy),
        "parts": [(part, _is_late(part, policy)) for part in parts],
        "drills": queries.newest_drills([part.instance_id for part in parts]).values(),
        "may_operate": Right.OPERATE in rights_of(request.user, line.organisation),
    }
    return render(request, "backup/_of_line.html", facts)


def _is_late(part: Protection, policy: Policy | None) -> bool:
    allowed = policy.oldest if policy else timedelta.max
    return now() - max(part.newest_at or part.since, part.since) > allowed


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show the snapshots of an instance, its copies and drills, and what was restored or moved."""
    instance = instance_for(request.user, reference, right=Right.SEE)
    rights = rights_of(request.user, instance.organisation)
    mine = Drill.objects.visible_to(request.user).filter(instance=instance)
    moves = Relocation.objects.visible_to(request.user).filter(instance=instance)
    protection = Protection.objects.filter(instance=instance).first()
    policy = policy_of(instance.line.backup)
    facts = {
        "instance": instance,
        "protection": protection,
        "is_late": bool(protection and _is_late(protection, policy)),
        "agreed": agreed_in_words(policy),
        "snapshots": _snapshots(request, instance),
        "copies": mine.filter(is_copy=True, state__in=DRILL_UNDER_WAY).select_related("snapshot"),
        "drills": mine.filter(is_copy=False).select_related("snapshot")[:FEW],
        "moves": moves.select_related("snapshot")[:FEW],
        "under_way": moves.filter(state__in=UNDER_WAY).first(),
        "may_change": Right.MANAGE_SERVICES in rights or Right.OPERATE in rights,
        "may_operate": Right.OPERATE in rights,
        "crumbs": _crumbs(instance)[:-1],
    }
    return render(request, "backup/detail.html", facts)


def _snapshots(request: UserRequest, instance: Instance) -> list[Snapshot]:
    kept = Snapshot.objects.visible_to(request.user).filter(instance=instance)
    return list(kept.exclude(state=SnapshotState.FORGOTTEN)[:SHOWN])


def _crumbs(instance: Instance) -> list[tuple[str, str]]:
    contract = instance.line.contract
    return [
        ("Services", "/services/"),
        (contract.name, f"/services/{contract.reference}"),
        (f"Backups of {instance.reference}", f"/backups/{instance.reference}"),
    ]


@login_required
@require_POST
def save_now(request: UserRequest, reference: str) -> HttpResponse:
    """Ask for a snapshot beside the schedule."""
    instance = _changed_by(request, reference)
    by = request.user.get_username()
    try:
        services.snapshot_now(instance, at=now(), by=by, why="asked for on its page")
        messages.success(request, "It is saved now: the snapshot appears here in a moment.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("backup:detail", reference)


def _changed_by(request: UserRequest, reference: str) -> Instance:
    """Return the instance for who may change it: of its customer, or an operator."""
    seen = instance_for(request.user, reference, right=Right.SEE)
    is_operator = Right.OPERATE in rights_of(request.user, seen.organisation)
    right = Right.OPERATE if is_operator else Right.MANAGE_SERVICES
    return instance_for(request.user, reference, right=right)


@login_required
@require_http_methods(["GET", "POST"])
def restore(request: UserRequest, reference: str, pk: int) -> HttpResponse:
    """Say what a restore takes away; confirmed by typing, bring the service back."""
    instance = _changed_by(request, reference)
    snapshot = snapshot_for(request.user, instance, pk)
    if request.method == "POST":
        if request.POST.get("confirm") == instance.reference:
            try:
                services.restore(instance, snapshot, at=now(), by=request.user.get_username())
                messages.success(request, "It is being brought back: it is stopped meanwhile.")
                return redirect("backup:detail", reference)
            except DomainError as refusal:
                messages.error(request, str(refusal))
        else:
            messages.error(request, f"Type {instance.reference} to confirm.")
    facts = {"instance": instance, "snapshot": snapshot, "crumbs": _crumbs(instance)}
    status = 422 if request.method == "POST" else 200
    return render(request, "backup/restore.html", facts, status=status)


@login_required
@require_POST
def copy(request: UserRequest, reference: str, pk: int) -> HttpResponse:
    """Bring a snapshot to life beside the service."""
    instance = _changed_by(request, reference)
    snapshot = snapshot_for(request.user, instance, pk)
    try:
        made = drills.begin(snapshot, at=now(), by=request.user.get_username(), is_copy=True)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("backup:detail", reference)
    return redirect("backup:drill", made.reference)


@login_required
@require_GET
def drill(request: UserRequest, reference: str) -> HttpResponse:
    """Show the evidence of a drill, or a copy with its address."""
    row = drill_for(request.user, reference, right=Right.SEE)
    rights = rights_of(request.user, row.organisation)
    facts = {
        "drill": row,
        "instance": row.instance,
        "url": drills.connection_of(row).get("url", ""),
        "is_over": row.state not in DRILL_UNDER_WAY,
        "may_end": Right.MANAGE_SERVICES in rights or Right.OPERATE in rights,
        "may_see_secrets": Right.SEE_SECRETS in rights,
        "events": _events(row, is_operator=Right.OPERATE in rights),
        "crumbs": _crumbs(row.instance),
    }
    return render(request, "backup/drill.html", facts)


def _events(row: Drill | Relocation, *, is_operator: bool) -> list[JournalLine]:
    """Return the timeline; on which machine things stood is for operators alone."""
    events = list(history(row)[:EVENTS])
    if not is_operator:
        for event in events:
            event.why = ""
    return events


@login_required
@require_POST
def end_drill(request: UserRequest, reference: str) -> HttpResponse:
    """End a copy: what stands there is wiped."""
    row = drill_for(request.user, reference, right=Right.SEE)
    is_operator = Right.OPERATE in rights_of(request.user, row.organisation)
    row = drill_for(
        request.user, reference, right=Right.OPERATE if is_operator else Right.MANAGE_SERVICES
    )
    try:
        drills.end(row, at=now(), by=request.user.get_username())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("backup:detail", row.instance.reference)


@login_required
@require_POST
def drill_connection(request: UserRequest, reference: str) -> HttpResponse:
    """Return the connection parameters of a copy with their secrets; asked for by a click."""
    row = drill_for(request.user, reference, right=Right.SEE_SECRETS)
    pairs = sorted(drills.connection_of(row).items())
    return render(request, "instances/_connection.html", {"pairs": pairs, "instance": row.instance})


@login_required
@require_GET
def relocation(request: UserRequest, reference: str) -> HttpResponse:
    """Show how a restore, a move or a takeover of one instance went."""
    row = relocation_for(request.user, reference, right=Right.SEE)
    is_operator = Right.OPERATE in rights_of(request.user, row.organisation)
    away = row.back_at - row.away_at if row.back_at and row.away_at else None
    facts = {
        "move": row,
        "instance": row.instance,
        "away_seconds": int(away.total_seconds()) if away else None,
        "events": _events(row, is_operator=is_operator),
        "may_cancel": is_operator and relocations.may_cancel(row),
        "may_operate": is_operator,
        "crumbs": _crumbs(row.instance),
    }
    return render(request, "backup/relocation.html", facts)
