"""Pages of invoices: the list, one invoice down to the samples behind a line, its files."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.documents.queries import pdf_of, xml_of
from billing.documents.rollup import file_name, file_of
from billing.documents.snapshot import from_json
from billing.invoicing import credits, queries, services
from billing.invoicing.access import invoice_for
from billing.invoicing.forms import CreditForm, DiscardForm
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.exports import Echo, harmless
from erp.base.journal import history
from erp.base.money import Amount
from erp.contracts.access import contract_for
from erp.customers.access import rights_of
from erp.customers.states import Right

PAGE = 50
CRUMBS = [("Invoices", "/invoices/")]
_COLUMNS = ("number", "state", "customer", "issued_on", "due_on", "currency")
_SUMS = ("net", "tax", "total", "paid")


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the invoices that the reader sees, newest first."""
    _require_invoices(request)
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()[:100]
    found = queries.listed(request.user, state=state, text=text)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    facts = {
        "invoices": rows[:PAGE],
        "state": state,
        "text": text,
        "states": State.values,
        "next_before": rows[PAGE - 1].pk if len(rows) > PAGE else None,
    }
    return render(request, "invoices/list.html", facts)


def _require_invoices(request: UserRequest) -> None:
    if not request.rights & {Right.SEE_INVOICES, Right.RUN_BILLING}:
        raise PermissionDenied


@login_required
@require_GET
def export(request: UserRequest) -> StreamingHttpResponse:
    """Stream the list as CSV, as it is filtered."""
    _require_invoices(request)
    state, text = request.GET.get("state", ""), request.GET.get("q", "").strip()[:100]
    found = queries.listed(request.user, state=state, text=text)
    answer = StreamingHttpResponse(_csv(found), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="invoices.csv"'
    return answer


def _csv(invoices: QuerySet[Invoice]) -> Iterator[str]:
    writer = csv.writer(Echo())
    yield writer.writerow([*_COLUMNS, *_SUMS])
    for one in invoices.iterator(chunk_size=500):
        sums = (one.net_minor, one.tax_minor, one.total_minor, one.paid_minor)
        amounts = [Amount(minor, one.currency).decimal() for minor in sums]
        facts = [one.number, one.state, harmless(one.organisation.name)]
        yield writer.writerow([*facts, one.issued_on, one.due_on, one.currency, *amounts])


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one invoice; each line opens to what it rests on."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    is_biller = Right.RUN_BILLING in rights_of(request.user, invoice.issuer)
    lines, charges = queries.lines_or_charges(invoice)
    facts = {
        "invoice": invoice,
        "lines": lines,
        "charges": charges,
        "document": invoice.document,
        "findings": invoice.document.findings if invoice.document else [],
        "may_issue": is_biller and invoice.state == State.DRAFT,
        "may_credit": is_biller and invoice.creditable_minor > 0,
        "is_biller": is_biller,
        "credit_notes": invoice.credit_notes.exclude(number="").order_by("pk"),
        "replaced_by": Invoice.objects.filter(replaces=invoice).first(),
        "events": history(invoice).order_by("-position")[:PAGE],
        "crumbs": CRUMBS,
    }
    return render(request, "invoices/detail.html", facts)


@login_required
@require_GET
def line(request: UserRequest, reference: str, position: int) -> HttpResponse:
    """Explain one line: its rating run, what was used, and the samples with their node."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    lines = invoice.lines.select_related("rated_line__run", "rated_line__line")
    found = get_object_or_404(lines, position=position)
    samples = queries.samples_of(found)
    facts: dict[str, Any] = {
        "invoice": invoice,
        "line": found,
        "rated": found.rated_line,
        "samples": samples,
        "may_be_more": len(samples) == queries.MOST_SAMPLES,
        "crumbs": [*CRUMBS, (str(invoice), f"/invoices/{reference}")],
    }
    return render(request, "invoices/line.html", facts)


@login_required
@require_GET
def changes(request: UserRequest, reference: str) -> HttpResponse:
    """Explain why the invoice is not what the one before it was."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    before = queries.before(request.user, invoice)
    facts: dict[str, Any] = {
        "invoice": invoice,
        "before": before,
        "rows": queries.changed(invoice, before) if before else [],
        "difference_minor": invoice.net_minor - before.net_minor if before else 0,
        "crumbs": [*CRUMBS, (str(invoice), f"/invoices/{reference}")],
    }
    return render(request, "invoices/changes.html", facts)


@login_required
@require_POST
def issue(request: UserRequest, reference: str) -> HttpResponse:
    """Issue a draft; a second click finds it issued."""
    invoice = invoice_for(request.user, reference, right=Right.RUN_BILLING)
    issued = services.issue(invoice, at=now(), by=request.user.get_username())
    messages.success(request, f"Invoice {issued.number} is issued.")
    return redirect("invoices:detail", reference)


@login_required
@require_POST
def discard(request: UserRequest, reference: str) -> HttpResponse:
    """Throw a draft away, with a reason."""
    invoice = invoice_for(request.user, reference, right=Right.RUN_BILLING)
    form = DiscardForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why the draft is discarded.")
        return redirect("invoices:detail", reference)
    by = request.user.get_username()
    services.discard(invoice, at=now(), by=by, why=form.cleaned_data["why"])
    messages.success(request, "The draft is discarded: the next run makes it anew.")
    return redirect("invoices:list")


@login_required
@require_http_methods(["GET", "POST"])
def credit(request: UserRequest, reference: str) -> HttpResponse:
    """Issue a credit note of a part or of the whole; a second click is the same one."""
    invoice = invoice_for(request.user, reference, right=Right.RUN_BILLING)
    form = CreditForm(invoice, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = _correct(request, invoice, form)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("invoices:detail", made.reference)
    crumbs = [*CRUMBS, (str(invoice), f"/invoices/{reference}")]
    facts = {"form": form, "invoice": invoice, "crumbs": crumbs}
    return render(request, "invoices/credit.html", facts, status=422 if form.errors else 200)


def _correct(request: UserRequest, invoice: Invoice, form: CreditForm) -> Invoice:
    by, wish = request.user.get_username(), form.wish()
    if not form.is_anew:
        note = credits.credit(invoice, wish, at=now(), by=by)
        messages.success(request, f"Credit note {note.number} corrects {invoice.number}.")
        return note
    note, anew = credits.issue_anew(invoice, key=wish.key, why=wish.why, at=now(), by=by)
    messages.success(
        request, f"Credit note {note.number} corrects {invoice.number}; {anew.number} replaces it."
    )
    return anew


@login_required
@require_GET
def pdf(request: UserRequest, reference: str) -> HttpResponse:
    """Send the stored PDF/A-3 with the e-invoice inside."""
    return _file(request, reference, "pdf")


@login_required
@require_GET
def xml(request: UserRequest, reference: str) -> HttpResponse:
    """Send the stored EN 16931 XML."""
    return _file(request, reference, "xml")


@login_required
@require_GET
def lines_csv(request: UserRequest, reference: str) -> HttpResponse:
    """Send every line of an issued invoice: the file that the PDF of a long one carries."""
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    if invoice.document is None:
        raise services.NotIssued
    snapshot = from_json(invoice.document.snapshot)
    answer = HttpResponse(file_of(snapshot), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name(snapshot)}"'
    return answer


def _file(request: UserRequest, reference: str, kind: str) -> HttpResponse:
    invoice = invoice_for(request.user, reference, right=Right.SEE_INVOICES)
    if invoice.document is None:
        raise services.NotIssued
    content = pdf_of(invoice.document) if kind == "pdf" else xml_of(invoice.document)
    answer = HttpResponse(content, content_type=f"application/{kind}")
    answer.headers["Content-Disposition"] = f'inline; filename="{invoice.number}.{kind}"'
    return answer


@login_required
@require_GET
def of_contract(request: UserRequest, reference: str) -> HttpResponse:
    """Return the invoices of one contract as a fragment for the service's page."""
    contract = contract_for(request.user, reference, right=Right.SEE_INVOICES)
    invoices = queries.visible(request.user).filter(contract=contract).order_by("-pk")[:PAGE]
    return render(request, "invoices/_of_contract.html", {"invoices": invoices})


@login_required
@require_GET
def cost_so_far(request: UserRequest, reference: str) -> HttpResponse:
    """Return what is not billed yet as a fragment for the service's page."""
    contract = contract_for(request.user, reference, right=Right.SEE_INVOICES)
    cost = queries.cost_so_far(contract, at=now())
    return render(request, "invoices/_cost_so_far.html", {"contract": contract, "cost": cost})
