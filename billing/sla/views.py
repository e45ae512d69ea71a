"""Pages of service credits: what waits, one with its intervals, approve or refuse."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.sla import queries, services
from billing.sla.access import credit_for
from billing.sla.forms import RefuseForm
from billing.sla.models import ServiceCredit
from billing.sla.states import State
from erp.base.doors import UserRequest, before_key, now
from erp.base.journal import history
from erp.customers.access import rights_of
from erp.customers.states import Right

PAGE = 50
CRUMBS = [("Service credits", "/service-credits/")]
_SHOWN = (State.DRAFTED, State.APPROVED, State.REFUSED)


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the credits that the reader sees, newest first."""
    if not request.rights & {Right.SEE_INVOICES, Right.RUN_BILLING}:
        raise PermissionDenied
    state = request.GET.get("state", "")
    wanted = [state] if state in _SHOWN else _SHOWN
    found = queries.visible(request.user).filter(state__in=wanted).order_by("-pk")
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    facts = {
        "credits": rows[:PAGE],
        "state": state,
        "states": [str(one) for one in _SHOWN],
        "next_url": f"?state={state}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
    }
    return render(request, "sla/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show what is given back, line by line, with the intervals that did not hold."""
    credit = credit_for(request.user, reference, right=Right.SEE_INVOICES)
    is_biller = Right.RUN_BILLING in rights_of(request.user, credit.issuer)
    facts = {
        "credit": credit,
        "lines": [_shown(one) for one in credit.lines],
        "may_decide": is_biller and credit.state == State.DRAFTED,
        "form": RefuseForm(),
        "events": history(credit).order_by("-position")[:PAGE],
        "crumbs": CRUMBS,
    }
    return render(request, "sla/detail.html", facts)


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """Return a kept line with its moments as moments."""
    failing = [
        one | {name: datetime.fromisoformat(one[name]) for name in ("start", "end")}
        for one in line["failing"]
    ]
    hours = {
        name: f"{float(line[f'{name}_seconds']) / 3600:.2f}"
        for name in ("measured", "down", "unseen", "stopped")
    }
    return line | {"failing": failing, "hours": hours}


@login_required
@require_POST
def approve(request: UserRequest, reference: str) -> HttpResponse:
    """Issue the credit note; a second click finds it."""
    credit = credit_for(request.user, reference, right=Right.RUN_BILLING)
    note = services.approve(credit, at=now(), by=request.user.get_username())
    messages.success(request, f"Credit note {note.number} is issued.")
    return redirect("service-credits:detail", reference)


@login_required
@require_POST
def refuse(request: UserRequest, reference: str) -> HttpResponse:
    """Give nothing back, for a reason."""
    credit: ServiceCredit = credit_for(request.user, reference, right=Right.RUN_BILLING)
    form = RefuseForm(request.POST)
    if form.is_valid():
        by = request.user.get_username()
        services.refuse(credit, at=now(), by=by, why=form.cleaned_data["why"])
        messages.success(request, "Refused: nothing is given back.")
    else:
        messages.error(request, "Give the reason in at most 300 signs.")
    return redirect("service-credits:detail", reference)
