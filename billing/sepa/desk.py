"""Mandates on the page of a customer: who pays signs and revokes, who bills records."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.ledger.services import day_in
from billing.sepa import queries, services
from billing.sepa.access import bills, debtor_for, mandate_for
from billing.sepa.forms import MandateForm, WhyForm
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right

MOST = 20


@login_required
@require_GET
def of_organisation(request: UserRequest, reference: str) -> HttpResponse:
    """Return the mandates of a customer as a fragment."""
    debtor = debtor_for(request.user, reference, reads=True)
    return _page(request, debtor, _form(request, debtor, None), whole=False)


def _form(request: UserRequest, debtor: Organisation, data: object) -> MandateForm:
    seller = debtor.parent
    assert seller is not None, "see debtor_for"
    initial = {"holder": debtor.name, "iban": debtor.iban, "bic": debtor.bic}
    is_seller = bills(request.user, debtor)
    return MandateForm(is_seller, day_in(seller, now()), data, initial=initial)


def _page(
    request: UserRequest, debtor: Organisation, form: MandateForm, *, whole: bool
) -> HttpResponse:
    seller = debtor.parent
    assert seller is not None, "see debtor_for"
    may_sign = Right.PAY in rights_of(request.user, debtor) or form.is_seller
    facts = {
        "debtor": debtor,
        "seller": seller,
        "creditor": queries.creditor_of(seller),
        "mandates": queries.mandates_of(debtor)[:MOST],
        "form": form,
        "may_sign": may_sign,
        "crumbs": [(debtor.name, f"/organisations/{debtor.reference}")],
    }
    template = "sepa/mandates.html" if whole else "sepa/_of_organisation.html"
    return render(request, template, facts, status=422 if form.errors else 200)


@login_required
@require_POST
def sign(request: UserRequest, reference: str) -> HttpResponse:
    """Keep a mandate; the same again changes nothing."""
    debtor = debtor_for(request.user, reference)
    form = _form(request, debtor, request.POST)
    if form.is_valid():
        seller, by = debtor.parent, request.user.get_username()
        assert seller is not None, "see debtor_for"
        try:
            made = services.sign(debtor, seller, form.signature(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"The mandate {made.umr} is kept.")
            return redirect("organisations:detail", reference)
    return _page(request, debtor, form, whole=True)


@login_required
@require_POST
def revoke(request: UserRequest, reference: str) -> HttpResponse:
    """Take a mandate back, with a reason."""
    mandate = mandate_for(request.user, reference)
    form = WhyForm(request.POST)
    if form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        services.revoke(mandate, at=now(), by=by, why=why)
        messages.success(request, f"The mandate {mandate.umr} is revoked.")
    else:
        messages.error(request, "Say why the mandate is revoked.")
    return redirect("organisations:detail", mandate.organisation.reference)


@login_required
@require_POST
def make_last(request: UserRequest, reference: str) -> HttpResponse:
    """Let the next debit of a mandate be its last."""
    mandate = mandate_for(request.user, reference)
    services.make_last(mandate, at=now(), by=request.user.get_username())
    messages.success(request, f"The next debit by {mandate.umr} is the last one.")
    return redirect("organisations:detail", mandate.organisation.reference)
