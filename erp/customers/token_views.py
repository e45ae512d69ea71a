"""The page of an organisation's API tokens: make one, see it once, revoke."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers import tokens
from erp.customers.access import member_in, organisation_for, tokens_for
from erp.customers.forms import TokenForm
from erp.customers.models import Member, Organisation
from erp.customers.states import Right

PAGE = 100


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def listing(request: UserRequest, reference: str) -> HttpResponse:
    """Show the tokens, or make one and show it this once."""
    found = organisation_for(request.user, reference, right=Right.SEE)
    member, form = member_in(request.user, found), None
    if member is None and request.method == "POST":
        raise PermissionDenied
    if member:
        form = TokenForm(member.rights, request.POST or None)
        if request.method == "POST" and form.is_valid():
            made = _made(member, form)
            if made:
                return _page(request, found, form=None, made=made)
    return _page(request, found, form=form, made="")


def _made(member: Member, form: TokenForm) -> str:
    try:
        return tokens.make(member, at=now(), **form.facts())[1]
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return ""


def _page(
    request: UserRequest, organisation: Organisation, *, form: TokenForm | None, made: str
) -> HttpResponse:
    facts = {
        "organisation": organisation,
        "tokens": [
            (token, [Right(scope).label.capitalize() for scope in token.scopes])
            for token in tokens_for(request.user, organisation)[:PAGE]
        ],
        "form": form,
        "made": made,
        "at": now(),
        "crumbs": [
            ("Organisations", "/organisations/"),
            (organisation.name, f"/organisations/{organisation.reference}"),
        ],
    }
    status = 422 if form and form.errors else 200
    return render(request, "organisations/tokens.html", facts, status=status)


@login_required
@require_POST
def revoke(request: UserRequest, reference: str, token: str) -> HttpResponse:
    """Make a token good for nothing from now on."""
    found = organisation_for(request.user, reference, right=Right.SEE)
    row = get_object_or_404(tokens_for(request.user, found), reference=token)
    tokens.revoke(row, at=now(), by=request.user.get_username())
    messages.success(request, f"{row.name} is revoked: it opens nothing any more.")
    return redirect("organisations:tokens", reference)
