"""The page to resize a service: choose a plan, see the price, change. Three clicks, no script."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.rating import preview
from billing.rating.forms import ResizeForm
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.periods import month_of
from erp.catalogue.models import PriceKind
from erp.catalogue.queries import OnShelf, shelf_of
from erp.catalogue.terms import plain
from erp.contracts import changes
from erp.contracts.access import contract_for
from erp.contracts.models import Contract, ContractLine, LineChange
from erp.contracts.queries import in_words
from erp.contracts.states import ChangeState
from erp.customers.states import Right


@login_required
@require_http_methods(["GET", "POST"])
def line(request: UserRequest, reference: str, position: int) -> HttpResponse:
    """Show the plans; with one chosen, what it costs; a post changes to it."""
    contract = contract_for(request.user, reference, right=Right.ORDER)
    found = get_object_or_404(contract.lines.select_related("plan__offer"), position=position)
    found.contract = contract
    plans = list(found.plan.offer.plans.order_by("position", "pk"))
    given = request.POST or (request.GET if "plan" in request.GET else None)
    form = ResizeForm(given, plans=plans, initial={"quantity": plain(found.quantity)})
    if given is None or not form.is_valid():
        return _choose(request, found, form)
    if request.method == "POST":
        try:
            made = _change(request, found, form)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
            return _review(request, found, form)
        messages.success(request, _said(made))
        return redirect("services:detail", reference)
    return _review(request, found, form)


def _change(request: UserRequest, found: ContractLine, form: ResizeForm) -> LineChange:
    wish = changes.Wish(
        key=form.cleaned_data["key"],
        plan=form.plan_chosen(),
        quantity=form.cleaned_data["quantity"],
        seen=form.cleaned_data["seen"],
        shown_at=form.cleaned_data["shown_at"],
    )
    return changes.change(found, wish, at=now(), by=request.user.get_username())


def _said(made: LineChange) -> str:
    if made.state == ChangeState.APPLIED:
        return f"{made.to_plan}: the service follows within seconds."
    return f"Planned: {made.to_plan} from {made.effective_at:%d %B %Y}. You can still cancel it."


def _choose(request: UserRequest, found: ContractLine, form: ResizeForm) -> HttpResponse:
    facts = _facts(found) | {
        "form": form,
        "shelf": _shelf(found.contract, found),
        "planned": changes.planned_of(found),
    }
    return render(request, "rating/resize.html", facts, status=422 if form.errors else 200)


def _shelf(contract: Contract, found: ContractLine) -> list[OnShelf]:
    """Return the plans of the offer that its seller sells now."""
    shelf = shelf_of(contract.organisation, at=now())
    return [one for one in shelf if one.plan.offer_id == found.plan.offer_id]


def _review(request: UserRequest, found: ContractLine, form: ResizeForm) -> HttpResponse:
    at, plan, quantity = now(), form.plan_chosen(), form.cleaned_data["quantity"]
    facts = _facts(found) | {"form": form, "plan": plan, "quantity": quantity}
    try:
        outlook = changes.outlook(found, plan, quantity, at=at)
    except DomainError as refusal:
        facts |= {"refusal": str(refusal)}
        return render(request, "rating/resize_review.html", facts, status=409)
    month = preview.this_month(outlook, at=at)
    facts |= {
        "outlook": outlook,
        "is_now": outlook.effective_at <= at,
        "month": month_of(at),
        "charges": month,
        "month_minor": sum(one.minor for one in month),
        "as_it_is_minor": sum(
            one.minor for one in preview.base_charges(found, list(found.prices.all()), at=at)
        ),
        "metered": [
            in_words(price, found.contract.currency)
            for price in outlook.repriced.added
            if price.kind == PriceKind.METERED
        ],
        "key": form.cleaned_data["key"],
        "seen": changes.seen_of(found),
        "shown_at": at.isoformat(),
    }
    return render(request, "rating/resize_review.html", facts, status=422 if form.errors else 200)


def _facts(found: ContractLine) -> dict[str, Any]:
    contract = found.contract
    crumbs = [("Services", "/services/"), (contract.name, f"/services/{contract.reference}")]
    return {"contract": contract, "line": found, "crumbs": crumbs}
