"""Pages of simulations: real usage at other prices."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.rating import simulation
from billing.rating.forms import MonthForm
from erp.base.doors import UserRequest, now
from erp.catalogue.queries import NoPrices, lists_of
from erp.contracts.access import contract_for
from erp.customers.states import Right

PAGE = 100


@login_required
@require_GET
def price_list(request: UserRequest, reference: str) -> HttpResponse:
    """Show what the seller's contracts would have cost in a month at the prices of a list."""
    if Right.MANAGE_PRICES not in request.rights:
        raise PermissionDenied
    found = get_object_or_404(lists_of(request.user), reference=reference)
    at = now()
    form = MonthForm(request.GET.dict(), at=at)
    period = form.period()
    after = request.GET.get("after", "")
    lines = simulation.lines_of(found, period).prefetch_related("prices")
    if after.isdecimal() and len(after) < 19:
        lines = lines.filter(pk__gt=int(after))
    page = list(lines[: PAGE + 1])
    facts = _summed(simulation.at_list(found, page[:PAGE], period, at)) | {
        "price_list": found,
        "currency": found.currency,
        "form": form,
        "period": period,
        "next_after": page[PAGE - 1].pk if len(page) > PAGE else None,
        "crumbs": [
            ("Catalogue", "/catalogue/"),
            (found.name, f"/catalogue/price-lists/{reference}"),
        ],
    }
    return render(request, "rating/price_list.html", facts)


def _summed(rows: list[simulation.Simulated]) -> dict[str, Any]:
    """Return the rows with the sums of those that have both amounts."""
    both = [one for one in rows if one.difference_minor is not None]
    return {
        "rows": rows,
        "agreed_minor": sum(one.agreed_minor or 0 for one in both),
        "other_minor": sum(one.other_minor or 0 for one in both),
        "difference_minor": sum(one.difference_minor or 0 for one in both),
        "left_out": len(rows) - len(both),
    }


@login_required
@require_GET
def service(request: UserRequest, reference: str) -> HttpResponse:
    """Show what a service would have cost in a month on each plan of its offer."""
    contract = contract_for(request.user, reference, right=Right.SEE_INVOICES)
    at = now()
    form = MonthForm(request.GET.dict(), at=at)
    period = form.period()
    rows: list[simulation.Simulated] = []
    reason = ""
    lines = contract.lines.select_related("contract__seller", "plan__offer")
    try:
        for line in lines.prefetch_related("prices"):
            rows += simulation.at_plans(line, period, at)
    except NoPrices as refusal:
        reason = str(refusal)
    facts = {
        "contract": contract,
        "rows": rows,
        "reason": reason,
        "form": form,
        "period": period,
        "crumbs": [("Services", "/services/"), (contract.name, f"/services/{reference}")],
    }
    return render(request, "rating/service.html", facts)
