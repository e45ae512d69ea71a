"""The statement of account of a customer: a page to print, a file, a mail now or every month."""

from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from billing.ledger.services import day_in
from billing.payments.models import StatementWish
from billing.reports import statements
from billing.reports.access import customer_for, may_mail
from billing.reports.accounts import year_of
from billing.reports.files import file_of
from billing.reports.forms import AskForm, usual
from billing.reports.table import Asked, shown
from erp.base.doors import UserRequest, now
from erp.customers.models import Organisation

_USES = frozenset({"from", "to", "currency"})


def _form(request: UserRequest, customer: Organisation, today: date) -> AskForm:
    seller = customer.parent
    assert seller is not None, "see customer_for"
    values = usual(year_of(seller, today), today, seller.currency)
    return AskForm(values, request.GET, _USES)


def _asked(request: UserRequest, customer: Organisation) -> tuple[AskForm, Asked]:
    seller = customer.parent
    assert seller is not None, "see customer_for"
    form = _form(request, customer, day_in(seller, now()))
    return form, form.asked(after="", limit=None)


@login_required
@require_GET
def statement(request: UserRequest, reference: str) -> HttpResponseBase:
    """Show the statement of a customer, or send it as CSV or XLSX."""
    customer = customer_for(request.user, reference)
    form, asked = _asked(request, customer)
    table = statements.statement(customer, asked)
    wanted = request.GET.get("format", "")
    if wanted in {"csv", "xlsx"}:
        return file_of(table, f"statement-{customer.reference}-{asked.end:%Y-%m-%d}", wanted)
    facts = {
        "table": table,
        "rows": list(shown(table)),
        "total": list(zip(table.columns, table.total or (), strict=True)),
        "form": form,
        "customer": customer,
        "seller": customer.parent,
        "asked": asked,
        "query": _query(asked),
        "may_mail": may_mail(request.user, customer),
        "is_monthly": StatementWish.objects.filter(organisation=customer).exists(),
        "crumbs": [(customer.name, f"/organisations/{customer.reference}")],
    }
    return render(request, "reports/statement.html", facts)


def _query(asked: Asked) -> str:
    return urlencode({"from": f"{asked.start}", "to": f"{asked.end}", "currency": asked.currency})


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Mail the statement now, or every month from now on, or no more."""
    customer = customer_for(request.user, reference)
    if not may_mail(request.user, customer):
        raise PermissionDenied
    _, asked = _asked(request, customer)
    at, by = now(), request.user.get_username()
    if action == "mail":
        key = f"{customer.reference}:{asked.start}:{asked.end}:{asked.currency}:{at:%Y-%m-%d}"
        statements.mail(customer, asked, key=key, at=at)
        messages.success(request, "The statement is mailed.")
    else:
        statements.want(customer, is_wanted=action == "monthly", at=at, by=by)
        said = "every month" if action == "monthly" else "no more"
        messages.success(request, f"Statements are mailed {said}.")
    return redirect(f"/statements/{reference}?{_query(asked)}")
