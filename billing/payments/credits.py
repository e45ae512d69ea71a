"""Pages of prepaid credit: what is left, until when, and what it paid; topped up by who bills."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from billing.payments import prepaid, queries
from billing.payments.forms import TopUpForm
from billing.payments.models import Receipt
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.customers.access import organisation_for, require
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right

PAGE = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """A prepaid credit with the word for what has become of it."""

    receipt: Receipt
    state: str


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show prepaid credit, the newest first, with what is left in each currency."""
    if not request.rights & {Right.PAY, Right.RUN_BILLING}:
        raise PermissionDenied
    at = now()
    found = queries.listed(request.user).filter(is_prepaid=True)
    before = before_key(request)
    rows = list((found.filter(pk__lt=before) if before is not None else found)[: PAGE + 1])
    facts = {
        "credits": [Shown(one, _state(one, at)) for one in rows[:PAGE]],
        "left": queries.left_by_currency(found, at),
        "payers": _payers(request),
        "next_url": f"?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "crumbs": [("Payments", "/payments/")],
    }
    return render(request, "payments/prepaid.html", facts)


def _state(receipt: Receipt, at: datetime) -> str:
    if receipt.expires_at and receipt.expires_at <= at:
        return "expired"
    return "active" if receipt.credit_minor else "used"


def _payers(request: UserRequest) -> list[Organisation]:
    """Return the customers whom the reader may top up, of a first page."""
    if Right.RUN_BILLING not in request.rights:
        return []
    seen = Organisation.objects.visible_to(request.user).exclude(kind=Kind.PROVIDER)
    return list(seen.order_by("name", "pk")[:PAGE])


@login_required
@require_http_methods(["GET", "POST"])
def top_up(request: UserRequest, reference: str) -> HttpResponse:
    """Record what a customer pays in advance; a second click is the same top-up."""
    payer = organisation_for(request.user, reference, right=Right.SEE)
    require(request.user, payer.parent or payer, Right.RUN_BILLING)
    form = TopUpForm(payer, request.POST or None, initial={"received_on": now().date()})
    if request.method == "POST" and form.is_valid():
        by, until = request.user.get_username(), form.expires_at()
        try:
            made = prepaid.top_up(payer, form.money(), expires_at=until, at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{made} pays the next invoices of {payer.name}.")
            return redirect("payments:prepaid")
    crumbs = [("Payments", "/payments/"), ("Prepaid credit", "/payments/prepaid")]
    page = {"form": form, "payer": payer, "crumbs": crumbs}
    return render(request, "payments/top_up.html", page, status=422 if form.errors else 200)
