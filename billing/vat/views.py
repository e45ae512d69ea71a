"""What is known of a customer's VAT number: the answers, asking anew, answering for it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.vat import queries, services
from billing.vat.forms import ConfirmForm
from erp.base.doors import UserRequest, now
from erp.customers.access import organisation_for, require, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right

MOST = 10


@login_required
@require_GET
def of_organisation(request: UserRequest, reference: str) -> HttpResponse:
    """Return the questions about one organisation's number as a fragment."""
    buyer = organisation_for(request.user, reference, right=Right.SEE_INVOICES)
    seller = buyer.parent
    may_ask = seller is not None and Right.RUN_BILLING in rights_of(request.user, seller)
    facts = {"organisation": buyer, "checks": queries.of(buyer)[:MOST], "may_ask": may_ask}
    return render(request, "vat/_of_organisation.html", facts)


def _sold_to(request: UserRequest, reference: str) -> Organisation:
    """Return a buyer for whose seller the reader bills: nobody vouches for their own number."""
    buyer = organisation_for(request.user, reference, right=Right.SEE)
    if buyer.parent is None:
        raise PermissionDenied
    require(request.user, buyer.parent, Right.RUN_BILLING)
    return buyer


@login_required
@require_POST
def ask(request: UserRequest, reference: str) -> HttpResponse:
    """Put a question into the queue; a second click finds it there."""
    services.ask(_sold_to(request, reference), at=now())
    messages.success(request, "VIES is asked: the answer comes within a minute, or when it is up.")
    return redirect("organisations:detail", reference)


@login_required
@require_POST
def confirm(request: UserRequest, reference: str) -> HttpResponse:
    """Answer for the number, with a reason."""
    buyer, form = _sold_to(request, reference), ConfirmForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why the number is taken as valid.")
        return redirect("organisations:detail", reference)
    by = request.user.get_username()
    services.confirm(buyer, why=form.cleaned_data["why"], at=now(), by=by)
    messages.success(request, "Confirmed: the reason is kept as evidence.")
    return redirect("organisations:detail", reference)
