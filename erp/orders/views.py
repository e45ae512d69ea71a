"""Pages of orders: what was asked, and what became of it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base.doors import UserRequest, before_key
from erp.base.journal import history
from erp.customers.access import rights_of
from erp.customers.states import Right
from erp.orders.access import order_for
from erp.orders.models import Order
from erp.orders.preview import prices_in_words
from erp.orders.states import State

PAGE = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the orders that the reader sees, newest first."""
    found = Order.objects.visible_to(request.user).select_related("organisation", "plan__offer")
    state = request.GET.get("state", "")
    if state in State.values:
        found = found.filter(state=state)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: PAGE + 1])
    next_url = f"?state={state}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    facts = {"orders": rows[:PAGE], "state": state, "states": State.values, "next_url": next_url}
    return render(request, "orders/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one order, with the decision where the reader may take it."""
    order = order_for(request.user, reference, right=Right.SEE)
    may_decide = Right.DECIDE_ORDERS in rights_of(request.user, order.seller)
    facts = {
        "order": order,
        "prices": prices_in_words(order),
        "may_decide": may_decide and order.state == State.PLACED,
        "events": history(order),
        "crumbs": [("Orders", "/orders/")],
    }
    return render(request, "orders/detail.html", facts)
