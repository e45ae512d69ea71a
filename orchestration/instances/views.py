"""Pages of instances, and the fragment that a service's page shows of its own."""

import json

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from erp.base.doors import UserRequest, before_key
from erp.base.journal import history
from erp.base.secret_parameters import shown
from erp.customers.access import rights_of
from erp.customers.states import Right
from orchestration.instances import services
from orchestration.instances.access import instance_for, line_for
from orchestration.instances.models import Instance
from orchestration.instances.queries import relatives
from orchestration.instances.states import State
from orchestration.instances.steps import Step, steps_of, trouble_of
from orchestration.nodes import limits

PAGE = 40
EVENTS = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the operator all instances, newest first, by state."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    found = Instance.objects.visible_to(request.user).select_related(
        "organisation", "release", "partition", "node", "line__contract"
    )
    state = request.GET.get("state", "")
    if state in State.values:
        found = found.filter(state=state)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: PAGE + 1])
    next_url = f"?state={state}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    facts = {"instances": rows[:PAGE], "state": state, "states": State.values, "next_url": next_url}
    return render(request, "instances/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show the operator what is desired, what was found, the log and the history."""
    instance = instance_for(request.user, reference, right=Right.OPERATE)
    facts = _live(request, instance) | {"crumbs": [("Instances", "/instances/")]}
    return render(request, "instances/detail.html", facts)


@login_required
@require_GET
def live(request: UserRequest, reference: str) -> HttpResponse:
    """Return the part of the operator's page that moves."""
    instance = instance_for(request.user, reference, right=Right.OPERATE)
    return render(request, "instances/_live.html", _live(request, instance))


def _live(request: UserRequest, instance: Instance) -> dict[str, object]:
    steps = _steps(instance, is_operator=True)
    return relatives(instance, request.user) | {
        "instance": instance,
        "steps": steps,
        "trouble": trouble_of(steps),
        "limits": limits.of_instance(instance.limits, instance.node.facts if instance.node else {}),
        "parameters": json.dumps(shown(instance.parameters), indent=2, ensure_ascii=False),
        "events": history(instance).order_by("-position")[:EVENTS],
    }


@login_required
@require_GET
def of_line(request: UserRequest, pk: int) -> HttpResponse:
    """Return what runs for one contract line: state, steps, connection."""
    line = line_for(request.user, pk, right=Right.SEE)
    instance = Instance.objects.filter(line=line, parent=None).select_related("organisation")
    found = instance.first()
    may_operate = Right.OPERATE in rights_of(request.user, line.organisation)
    steps = _steps(found, is_operator=may_operate) if found else []
    parts = relatives(found, request.user)["children"] if found else []
    facts = {
        "line": line,
        "instance": found,
        "parts": parts,
        "steps": steps,
        "trouble": trouble_of(steps),
        "url": services.connection_of(found).get("url", "") if found else "",
        "may_see_secrets": Right.SEE_SECRETS in rights_of(request.user, line.organisation),
        "may_operate": may_operate,
    }
    return render(request, "instances/_of_line.html", facts)


@login_required
@require_POST
def connection(request: UserRequest, reference: str) -> HttpResponse:
    """Return the connection parameters with their secrets; asked for by a click."""
    instance = instance_for(request.user, reference, right=Right.SEE_SECRETS)
    pairs = sorted(services.connection_of(instance).items())
    return render(request, "instances/_connection.html", {"pairs": pairs, "instance": instance})


def _steps(instance: Instance, *, is_operator: bool) -> list[Step]:
    """Why other nodes do not fit tells of those who run there, and is for operators alone."""
    moves = [(line.event, line.at) for line in history(instance)]
    return steps_of(
        state=instance.state,
        reason=instance.state_reason,
        moves=moves,
        placement_reasons=instance.placement_reasons if is_operator else (),
    )
