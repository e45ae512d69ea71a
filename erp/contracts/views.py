"""Pages of services: what an organisation has under contract."""

import csv
from collections.abc import Iterator

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.exports import Echo, harmless
from erp.base.journal import history
from erp.contracts import changes, services
from erp.contracts.access import contract_for, contract_to_start, may_start
from erp.contracts.forms import EndForm, ReasonForm
from erp.contracts.models import Contract, LineChange
from erp.contracts.queries import agreed, listed
from erp.contracts.states import ARROWS, State
from erp.customers.access import rights_of
from erp.customers.states import Right
from erp.orders.parameters import BadParameters
from erp.orders.schema_form import schema_form
from erp.ports import product_source

PAGE = 40
EVENTS = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show services with state and price, newest first."""
    state, before = request.GET.get("state", ""), before_key(request)
    found = listed(request.user, state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    next_url = f"?state={state}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    at = now()
    priced = [(one, one.monthly_minor(at)) for one in rows[:PAGE]]
    facts = {"contracts": priced, "state": state, "states": State.values, "next_url": next_url}
    return render(request, "contracts/list.html", facts)


@login_required
@require_GET
def export(request: UserRequest) -> StreamingHttpResponse:
    """Stream the list as CSV, as it is filtered."""
    found = listed(request.user, state=request.GET.get("state", ""))
    answer = StreamingHttpResponse(_csv(found), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="services.csv"'
    return answer


def _csv(contracts: Iterator[Contract] | object) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow(["reference", "name", "customer", "seller", "state", "since"])
    for one in contracts.iterator(chunk_size=500):  # type: ignore[union-attr]
        names = [harmless(text) for text in (one.name, one.organisation.name, one.seller.name)]
        yield writer.writerow([one.reference, *names, one.state, one.state_since.isoformat()])


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one service; what runs, usage and invoices come from their own packages."""
    contract = contract_for(request.user, reference, right=Right.SEE)
    rights = rights_of(request.user, contract.organisation)
    arrows = ARROWS[contract.state] if Right.MANAGE_SERVICES in rights else frozenset()
    facts = {
        "contract": contract,
        "lines": agreed(contract, at=now()),
        "events": history(contract).order_by("-position")[:EVENTS],
        "may_stop": State.SUSPENDED in arrows,
        "may_start": contract.state == State.SUSPENDED
        and bool(arrows)
        and may_start(request.user, contract),
        "may_end": State.ENDED in arrows,
        "may_change": bool(arrows),
        "may_resize": Right.ORDER in rights and contract.state == State.ACTIVE,
        "may_budget": Right.PAY in rights,
        "may_see_invoices": Right.SEE_INVOICES in rights,
        "crumbs": [("Services", "/services/")],
    }
    return render(request, "contracts/detail.html", facts)


@login_required
@require_POST
def stop(request: UserRequest, reference: str) -> HttpResponse:
    """Stop a service without ending the agreement."""
    contract = contract_for(request.user, reference, right=Right.MANAGE_SERVICES)
    why = _why(request) or "stopped by the customer"
    services.suspend(contract, at=now(), by=request.user.get_username(), why=why)
    return redirect("services:detail", reference)


@login_required
@require_POST
def start(request: UserRequest, reference: str) -> HttpResponse:
    """Start a stopped service."""
    contract = contract_to_start(request.user, reference)
    services.resume(contract, at=now(), by=request.user.get_username(), why=_why(request))
    return redirect("services:detail", reference)


@login_required
@require_POST
def end(request: UserRequest, reference: str) -> HttpResponse:
    """End the agreement; the name typed again says that this is meant."""
    contract = contract_for(request.user, reference, right=Right.MANAGE_SERVICES)
    form = EndForm(contract, request.POST)
    if form.is_valid():
        by = request.user.get_username()
        services.end(contract, at=now(), by=by, why="ended by the customer")
        messages.success(request, f"{contract.name} has ended.")
    else:
        messages.error(request, f"Type {contract.name} to end the service.")
    return redirect("services:detail", reference)


@login_required
@require_http_methods(["GET", "POST"])
def parameters(request: UserRequest, reference: str, position: int) -> HttpResponse:
    """Change what the software is told."""
    contract = contract_for(request.user, reference, right=Right.MANAGE_SERVICES)
    line = get_object_or_404(contract.lines, position=position)
    schema = product_source().schema(line.product, line.software_type)
    form = schema_form(schema, there=line.parameters)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.parameters()  # type: ignore[attr-defined]
        try:
            services.change_parameters(line, given, at=now(), by=request.user.get_username())
        except BadParameters as refusal:
            form.refuse(refusal.facts["errors"])  # type: ignore[attr-defined]
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Changed: the service follows within seconds.")
            return redirect("services:detail", reference)
    crumbs = [("Services", "/services/"), (contract.name, f"/services/{reference}")]
    facts = {"form": form, "contract": contract, "line": line, "crumbs": crumbs}
    return render(request, "contracts/parameters.html", facts, status=422 if form.errors else 200)


@login_required
@require_POST
def cancel_change(request: UserRequest, reference: str, change: str) -> HttpResponse:
    """Take back a change that waits for the renewal."""
    contract = contract_for(request.user, reference, right=Right.ORDER)
    found = get_object_or_404(LineChange, line__contract=contract, reference=change)
    changes.cancel(found, at=now(), by=request.user.get_username())
    messages.success(request, "Cancelled: plan and price stay as they are.")
    return redirect("services:detail", reference)


def _why(request: UserRequest) -> str:
    form = ReasonForm(request.POST)
    return str(form.cleaned_data["why"]) if form.is_valid() else ""
