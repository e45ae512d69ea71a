"""The order door: choose parameters, see the price, order; the seller decides what waits."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.catalogue import queries as catalogue
from erp.contracts import services
from erp.contracts.forms import OrderForm, ReasonForm
from erp.contracts.models import Contract
from erp.customers.access import organisation_for
from erp.customers.states import Right
from erp.orders import services as orders
from erp.orders.access import order_for
from erp.orders.parameters import BadParameters
from erp.orders.place_form import fixed_by, place_form
from erp.orders.preview import preview
from erp.orders.schema_form import schema_form
from erp.ports import product_source


@login_required
@require_http_methods(["GET", "POST"])
def order(request: UserRequest, buyer: str, plan: int) -> HttpResponse:
    """Order one plan for one organisation; a second click is the same order."""
    organisation = organisation_for(request.user, buyer, right=Right.ORDER)
    shelf = catalogue.shelf_of(organisation, at=now())
    item = next((one for one in shelf if one.plan.pk == plan), None)
    if item is None:
        raise Http404
    offer = item.plan.offer
    schema = product_source().schema(offer.product, offer.software_type)
    form = OrderForm(request.POST or None, initial={"name": f"Our {offer.name.lower()}"})
    parameters = schema_form(schema)(request.POST or None)
    place = place_form(item.plan, organisation.pk)(request.POST or None)
    filled = (form, parameters, place)
    are_valid = [one.is_valid() for one in filled]
    if request.method == "POST" and all(are_valid):
        wish = orders.Wish(
            key=form.cleaned_data["key"],
            name=form.cleaned_data["name"],
            plan=item.plan,
            parameters=parameters.parameters(),  # type: ignore[attr-defined]
            sla=place.sla(),  # type: ignore[attr-defined]
        )
        try:
            return _placed(request, services.order(organisation, wish, by=_who(request), at=now()))
        except BadParameters as refusal:
            parameters.refuse(refusal.facts["errors"])  # type: ignore[attr-defined]
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    prices = [one for one in (item.setup, item.recurring, *item.metered) if one]
    facts = {
        "form": form,
        "parameters": parameters,
        "place": place,
        "fixed": fixed_by(item.plan),
        "item": item,
        "buyer": organisation,
        "price": preview(prices, currency=item.currency),
        "crumbs": [("Catalogue", "/catalogue/")],
    }
    status = 422 if any(one.errors for one in filled) else 200
    return render(request, "orders/new.html", facts, status=status)


def _placed(request: UserRequest, placed: Any) -> HttpResponse:
    contract = Contract.objects.filter(order=placed).first()
    if contract:
        return redirect("services:detail", contract.reference)
    messages.info(request, "Your order waits for the seller's approval.")
    return redirect("orders:detail", placed.reference)


@login_required
@require_POST
def decide(request: UserRequest, reference: str, answer: str) -> HttpResponse:
    """Accept or refuse an order that waits."""
    found = order_for(request.user, reference, right=Right.DECIDE_ORDERS)
    form = ReasonForm(request.POST)
    if answer not in {"accept", "refuse"}:
        raise Http404
    if not form.is_valid():
        messages.error(request, "Give the reason in at most 300 signs.")
    elif answer == "accept":
        services.accept(found, by=_who(request), at=now())
    else:
        orders.refuse(found, by=_who(request), at=now(), why=form.cleaned_data["why"])
    return redirect("orders:detail", reference)


def _who(request: UserRequest) -> str:
    return request.user.get_username()
