"""Pages of payments: the list, and recording one on an invoice."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.invoicing.access import invoice_for
from billing.invoicing.models import Invoice
from billing.payments import fees, queries, services
from billing.payments.access import fee_for
from billing.payments.forms import DifferenceForm, PaymentForm, WaiveForm
from billing.payments.models import Method
from billing.payments.standing import open_invoices, standing_of
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.customers.access import organisation_for, require, rights_of
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
    rights = rights_of(request.user, invoice.issuer)
    is_open = invoice.open_minor > 0
    facts = {
        "invoice": invoice,
        "allocations": queries.of_invoice(invoice),
        "may_record": is_open and Right.RUN_BILLING in rights,
        "fees": queries.fees_of(invoice),
        "may_waive": Right.RUN_BILLING in rights,
        "may_settle": is_open and {Right.RUN_BILLING, Right.KEEP_BOOKS} <= rights,
    }
    return render(request, "payments/_of_invoice.html", facts)


@login_required
@require_GET
def of_organisation(request: UserRequest, reference: str) -> HttpResponse:
    """Return how a customer stands as a fragment."""
    organisation = organisation_for(request.user, reference, right=Right.SEE_INVOICES)
    facts = {
        "standing": standing_of(organisation, now().date()),
        "invoices": open_invoices(request.user, organisation),
    }
    return render(request, "payments/_of_organisation.html", facts)


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
    return _on_invoice(request, form, invoice, "Record a payment")


def _on_invoice(request: UserRequest, form: Form, invoice: Invoice, title: str) -> HttpResponse:
    crumbs = [("Invoices", "/invoices/"), (str(invoice), f"/invoices/{invoice.reference}")]
    facts = {"form": form, "invoice": invoice, "crumbs": crumbs, "title": title}
    return render(request, "payments/record.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def difference(request: UserRequest, reference: str) -> HttpResponse:
    """Settle what is left of an invoice without money: who keeps the books, with a reason."""
    invoice = invoice_for(request.user, reference, right=Right.RUN_BILLING)
    require(request.user, invoice.issuer, Right.KEEP_BOOKS)
    form = DifferenceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        typed = dict(form.cleaned_data) | {"method": Method(form.cleaned_data["method"])}
        by = request.user.get_username()
        try:
            services.settle_difference(invoice, at=now(), by=by, **typed)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{invoice} is settled.")
            return redirect("invoices:detail", reference)
    return _on_invoice(request, form, invoice, "Settle a difference")


@login_required
@require_POST
def waive(request: UserRequest, reference: str) -> HttpResponse:
    """Give up a fee, with the reason."""
    fee = fee_for(request.user, reference)
    form = WaiveForm(request.POST)
    if form.is_valid():
        by = request.user.get_username()
        fees.waive(fee, at=now(), by=by, why=form.cleaned_data["why"])
        messages.success(request, f"The fee {fee} is waived.")
    else:
        messages.error(request, "Say why the fee is waived.")
    return redirect("invoices:detail", fee.invoice.reference)
