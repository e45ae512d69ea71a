"""The fragment that says what this month costs: of a customer, or of one service."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from billing.invoicing import spending
from erp.base.doors import UserRequest, now
from erp.contracts.access import contract_for
from erp.contracts.models import Budget, Contract
from erp.contracts.states import State
from erp.customers.access import organisation_for
from erp.customers.states import Right


@dataclass(frozen=True, slots=True)
class Row:
    """What services of one currency cost this month, beside their budget."""

    currency: str
    spent: spending.Spent
    budget: Budget | None

    @property
    def percent(self) -> int:
        """Return which part of the budget it is, in whole percent, rounded down."""
        return self.spent.minor * 100 // self.budget.monthly_minor if self.budget else 0

    @property
    def bar(self) -> int:
        """Return how much of a bar is full."""
        return max(0, min(self.percent, 100))


@login_required
@require_GET
def fragment(request: UserRequest, reference: str) -> HttpResponse:
    """Return what a service, or all services of a customer, cost this month."""
    if reference.startswith("C-"):
        contract = contract_for(request.user, reference, right=Right.SEE_INVOICES)
        contracts = [contract]
        budgets = {one.currency: one for one in Budget.objects.filter(contract=contract)}
    else:
        buyer = organisation_for(request.user, reference, right=Right.SEE_INVOICES)
        found = Contract.objects.filter(organisation=buyer).exclude(state=State.DRAFT)
        contracts = list(found.order_by("pk"))
        rows = Budget.objects.filter(organisation=buyer, contract=None)
        budgets = {one.currency: one for one in rows}
    by_currency: dict[str, list[Contract]] = {currency: [] for currency in budgets}
    for one in contracts:
        by_currency.setdefault(one.currency, []).append(one)
    at = now()
    shown = [
        Row(currency, spending.spent(its, at=at), budgets.get(currency))
        for currency, its in sorted(by_currency.items())
    ]
    return render(request, "invoices/_spent.html", {"rows": shown})
