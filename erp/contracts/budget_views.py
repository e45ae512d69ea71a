"""The pages of budgets: of a customer, and of one of its services."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from erp.base.doors import UserRequest, now
from erp.contracts import budgets
from erp.contracts.access import contract_for
from erp.contracts.forms import BudgetForm
from erp.contracts.models import Budget, Contract
from erp.customers.access import organisation_for
from erp.customers.models import Organisation
from erp.customers.states import Right


@login_required
@require_http_methods(["GET", "POST"])
def of_customer(request: UserRequest, organisation: str) -> HttpResponse:
    """Set what all services of a customer may cost in a month."""
    buyer = organisation_for(request.user, organisation, right=Right.PAY)
    crumbs = [("Organisations", "/organisations/"), (buyer.name, f"/organisations/{organisation}")]
    return _page(request, buyer, None, crumbs)


@login_required
@require_http_methods(["GET", "POST"])
def of_service(request: UserRequest, reference: str) -> HttpResponse:
    """Set what one service may cost in a month."""
    contract = contract_for(request.user, reference, right=Right.PAY)
    crumbs = [("Services", "/services/"), (contract.name, f"/services/{reference}")]
    return _page(request, contract.organisation, contract, crumbs)


def _page(
    request: UserRequest,
    buyer: Organisation,
    contract: Contract | None,
    crumbs: list[tuple[str, str]],
) -> HttpResponse:
    known = Budget.objects.filter(organisation=buyer, contract=contract).first()
    currency = contract.currency if contract else buyer.currency
    form = BudgetForm(currency, known, request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        budgets.set_budget(buyer, form.wanted(), contract=contract, at=now(), by=by)
        messages.success(request, "The budget is set." if form.wanted().monthly_minor else "Gone.")
        return redirect(request.path)
    name = contract.reference if contract else buyer.reference
    facts = {
        "form": form,
        "budget": known,
        "of": contract.name if contract else buyer.name,
        "crumbs": crumbs,
        "spent_url": reverse("invoices:spent", args=[name]),
    }
    return render(request, "contracts/budget.html", facts, status=422 if form.errors else 200)
