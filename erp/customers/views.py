"""Pages of organisations: find, found, keep the facts, and who is a member."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.base.money import Amount
from erp.customers import queries, services
from erp.customers.access import may_edit, may_grant, organisation_for, rights_of
from erp.customers.forms import MemberForm, NewPartyForm, PartyForm, TermsForm
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right

PAGE = 50
EVENTS = 50
CRUMBS = [("Organisations", "/organisations/")]


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Find organisations by name or reference."""
    words, last = request.GET.get("q", "")[:100], request.GET.get("after", "")
    found = queries.found(request.user, words=words)
    before = Organisation.objects.visible_to(request.user).filter(reference=last).first()
    rows = list((queries.after(found, before) if before else found)[: PAGE + 1])
    facts = {
        "organisations": rows[:PAGE],
        "words": words,
        "more_after": rows[PAGE - 1].reference if len(rows) > PAGE else "",
    }
    return render(request, "organisations/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one organisation: facts, members, terms, history, and what the reader may do."""
    found = organisation_for(request.user, reference, right=Right.SEE)
    rights = rights_of(request.user, found)
    limit = found.credit_limit_minor
    facts = {
        "organisation": found,
        "credit_limit": None if limit is None else Amount(limit, found.currency),
        "members": found.members.select_related("user").order_by("user__email"),
        "may_edit": may_edit(request.user, found),
        "may_grant": may_grant(request.user, found),
        "may_add_member": Right.MANAGE_MEMBERS in rights,
        "may_add_customer": Right.MANAGE_CUSTOMERS in rights and found.kind != Kind.CUSTOMER,
        "may_add_reseller": Right.MANAGE_CUSTOMERS in rights and found.kind == Kind.PROVIDER,
        "pays": Right.PAY in rights,
        "sees_account": bool(rights & {Right.SEE_INVOICES, Right.MANAGE_CUSTOMERS}),
        "reads_mails": bool(
            rights & {Right.MANAGE_MEMBERS, Right.MANAGE_CUSTOMERS, Right.ANSWER_TICKETS}
        ),
        "events": history(found).order_by("-position")[:EVENTS],
        "crumbs": CRUMBS,
    }
    return render(request, "organisations/detail.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new_customer(request: UserRequest, reference: str) -> HttpResponse:
    """Found a customer of the provider or of a reseller."""
    return _found(request, reference, "New customer", services.add_customer)


@login_required
@require_http_methods(["GET", "POST"])
def new_reseller(request: UserRequest, reference: str) -> HttpResponse:
    """Found a reseller below the provider."""
    return _found(request, reference, "New reseller", services.add_reseller)


def _found(
    request: UserRequest, reference: str, title: str, add: Callable[..., Organisation]
) -> HttpResponse:
    parent = organisation_for(request.user, reference, right=Right.MANAGE_CUSTOMERS)
    initial = {"country": parent.country, "currency": parent.currency}
    form = NewPartyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            made = add(parent, at=now(), by=by, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{made.name} is there: add its first member.")
            return redirect("organisations:detail", made.reference)
    return _form_page(request, form, parent, title)


def _form_page(
    request: UserRequest, form: BaseForm, organisation: Organisation, title: str, **more: Any
) -> HttpResponse:
    crumbs = [*CRUMBS, (organisation.name, f"/organisations/{organisation.reference}")]
    facts = {"form": form, "organisation": organisation, "title": title, "crumbs": crumbs} | more
    return render(request, "organisations/form.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: UserRequest, reference: str) -> HttpResponse:
    """Change the facts that stand on invoices; issued ones keep what they said."""
    found = organisation_for(request.user, reference, right=Right.SEE)
    if not may_edit(request.user, found):
        raise PermissionDenied
    form = PartyForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        services.change_facts(found, at=now(), by=by, **form.cleaned_data)
        messages.success(request, "Saved. Invoices that are issued keep what they said.")
        return redirect("organisations:detail", reference)
    found.refresh_from_db(fields=["name"])
    return _form_page(request, form, found, "Billing facts")


@login_required
@require_http_methods(["GET", "POST"])
def terms(request: UserRequest, reference: str) -> HttpResponse:
    """Set what the seller grants: days to pay and the credit limit."""
    found = organisation_for(request.user, reference, right=Right.SEE)
    if not may_grant(request.user, found):
        raise PermissionDenied
    limit = found.credit_limit_minor
    shown = None if limit is None else Amount(limit, found.currency).decimal()
    initial = {"payment_days": found.payment_days, "credit_limit": shown}
    form = TermsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        services.change_facts(found, at=now(), by=by, **form.facts(found.currency))
        messages.success(request, "The terms are set.")
        return redirect("organisations:detail", reference)
    return _form_page(request, form, found, "Terms")


@login_required
@require_http_methods(["GET", "POST"])
def new_member(request: UserRequest, reference: str) -> HttpResponse:
    """Make a person a member: they set their own password by the link that a mail brings."""
    found = organisation_for(request.user, reference, right=Right.MANAGE_MEMBERS)
    form = MemberForm(found, request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            services.add_member(found, at=now(), by=by, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            name = form.cleaned_data["email"]
            messages.success(request, f"{name} is a member: mail them a password link below.")
            return redirect("organisations:detail", reference)
    return _form_page(request, form, found, "New member", says_how=True)
