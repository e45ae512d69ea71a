"""The page of what a machine costs, for who keeps the books of its provider."""

from datetime import UTC, datetime, time

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from erp.base.doors import UserRequest, now
from erp.customers.states import Right
from orchestration.nodes import costs
from orchestration.nodes.access import node_for
from orchestration.nodes.cost_form import CostForm

MOST = 100


@login_required
@require_http_methods(["GET", "POST"])
def page(request: UserRequest, reference: str) -> HttpResponse:
    """Show what a machine cost over time, and say what it costs from a day on."""
    node = node_for(request.user, reference, right=Right.KEEP_BOOKS)
    currency = node.organisation.currency
    form: forms.Form = CostForm(currency, request.POST or None, initial={"from_on": now().date()})
    if request.method == "POST" and form.is_valid():
        typed = form.cleaned_data
        starts_at = datetime.combine(typed["from_on"], time(), tzinfo=UTC)
        by = request.user.get_username()
        costs.set_cost(node, typed["amount"], currency, starts_at=starts_at, at=now(), by=by)
        messages.success(request, "The cost is set: the margin report counts it.")
        return redirect("nodes:costs", reference)
    facts = {
        "node": node,
        "form": form,
        "costs": node.costs.order_by("-starts_at")[:MOST],
        "crumbs": [("Reports", "/reports/margin?by=node"), (node.name, "")],
    }
    return render(request, "nodes/costs.html", facts, status=422 if form.errors else 200)
