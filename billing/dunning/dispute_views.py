"""The customer's page: I dispute this."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from billing.dunning import disputes
from billing.dunning.forms import DisputeForm
from billing.invoicing.access import invoice_for
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import require, rights_of
from erp.customers.states import Right


@login_required
@require_GET
def of_invoice(request: UserRequest, reference: str) -> HttpResponse:
    """Show as a fragment whether an invoice is disputed, or how to do it."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    found = disputes.dispute_of(invoice)
    facts = {
        "invoice": invoice,
        "dispute": found,
        "is_paused": bool(found and disputes.holds(found)),
        "may_dispute": invoice.open_minor > 0
        and Right.WRITE_TICKETS in rights_of(request.user, invoice.organisation),
    }
    return render(request, "dunning/_of_invoice.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def dispute(request: UserRequest, reference: str) -> HttpResponse:
    """Say what is wrong with an invoice: it is one ticket, however often it is sent."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    require(request.user, invoice.organisation, Right.WRITE_TICKETS)
    form = DisputeForm(request.POST or None, initial={"line": request.GET.get("line", "")[:4]})
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            ticket = disputes.dispute(invoice, form.objection(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("tickets:detail", ticket.reference)
    crumbs = [("Invoices", "/invoices/"), (str(invoice), f"/invoices/{reference}")]
    facts = {"form": form, "invoice": invoice, "crumbs": crumbs}
    return render(request, "dunning/dispute.html", facts, status=422 if form.errors else 200)
