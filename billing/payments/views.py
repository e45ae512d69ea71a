"""Pages of payments: the list, and recording one on an invoice."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from billing.invoicing.access import invoice_for
from billing.payments import queries, services
from billing.payments.forms import PaymentForm
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.customers.access import rights_of
from erp.customers.states import Right

PAGE = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show what came in, newest first."""
    if not request.rights & {Right.PAY, Right.RUN_BILLING}:
        raise PermissionDenied
    found = queries.listed(request.user)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    next_url = f"?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    return render(request, "payments/list.html", {"receipts": rows[:PAGE], "next_url": next_url})


@login_required
@require_GET
def of_invoice(request: UserRequest, reference: str) -> HttpResponse:
    """Return the payments of one invoice as a fragment."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    may_record = Right.RUN_BILLING in rights_of(request.user, invoice.issuer)
    facts = {
        "invoice": invoice,
        "allocations": queries.of_invoice(invoice),
        "may_record": may_record and invoice.open_minor > 0,
    }
    return render(request, "payments/_of_invoice.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def record(request: UserRequest, reference: str) -> HttpResponse:
    """Record one payment; a second click is the same payment."""
    invoice = invoice_for(request.user, reference, right=Right.RUN_BILLING)
    initial = {"received_on": now().date()}
    form = PaymentForm(invoice, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            receipt = services.record_payment(invoice, form.money(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Payment {receipt.reference} is recorded.")
            return redirect("invoices:detail", reference)
    crumbs = [("Invoices", "/invoices/"), (str(invoice), f"/invoices/{reference}")]
    facts = {"form": form, "invoice": invoice, "crumbs": crumbs}
    return render(request, "payments/record.html", facts, status=422 if form.errors else 200)
