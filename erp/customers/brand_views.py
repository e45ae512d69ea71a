"""The brand of a seller: its page, and what every page of its customers loads."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers import branding, colours
from erp.customers.access import brand_served_to, organisation_for
from erp.customers.forms import BrandForm
from erp.customers.models import Brand, Organisation
from erp.customers.states import Kind, Right

# The address changes with the brand: what was loaded stays good.
_CACHE = "private, max-age=86400"


def _seller(request: UserRequest, reference: str) -> Organisation:
    found = organisation_for(request.user, reference, right=Right.MANAGE_CUSTOMERS)
    if found.kind == Kind.CUSTOMER:
        raise Http404
    return found


@login_required
@require_http_methods(["GET", "POST"])
def brand(request: UserRequest, reference: str) -> HttpResponse:
    """Show and set what the customers of a seller see."""
    seller = _seller(request, reference)
    known = Brand.objects.filter(organisation=seller).select_related("logo").first()
    form = BrandForm(request.POST or None, request.FILES or None, initial=_initial(seller, known))
    if request.method == "POST" and form.is_valid():
        facts: dict[str, Any] = dict(form.cleaned_data)
        logo = facts.pop("logo", None)
        try:
            branding.set_brand(
                seller, branding.Look(**facts), at=now(), by=request.user.get_username(), logo=logo
            )
        except DomainError as refusal:
            form.add_error("logo", str(refusal))
        else:
            messages.success(request, "Set: your customers see it from now on.")
            return redirect("organisations:brand", reference)
    facts = {
        "seller": seller,
        "brand": known,
        "form": form,
        "words": colours.words_of(known.colour) if known and known.colour else [],
        "crumbs": [
            ("Organisations", "/organisations/"),
            (seller.name, f"/organisations/{reference}"),
        ],
    }
    return render(request, "organisations/brand.html", facts, status=422 if form.errors else 200)


def _initial(seller: Organisation, known: Brand | None) -> dict[str, str]:
    if known is None:
        return {"name": seller.name[:60], "reply_to": seller.email}
    return {name: getattr(known, name) for name in ("name", "colour", "reply_to", "terms")}


@login_required
@require_POST
def remove_logo(request: UserRequest, reference: str) -> HttpResponse:
    """Show the name instead of the logo."""
    seller = _seller(request, reference)
    branding.remove_logo(seller, at=now(), by=request.user.get_username())
    messages.success(request, "The name is shown instead.")
    return redirect("organisations:brand", reference)


@login_required
@require_GET
def stylesheet(request: UserRequest) -> HttpResponse:
    """Return the colours of the brand that serves the reader."""
    found = brand_served_to(request.user)
    if found is None or not found.colour:
        raise Http404
    answer = HttpResponse(colours.stylesheet(found.colour), content_type="text/css; charset=utf-8")
    answer.headers["Cache-Control"] = _CACHE
    return answer


@login_required
@require_GET
def logo(request: UserRequest) -> HttpResponse:
    """Return the logo of the brand that serves the reader."""
    return _picture(brand_served_to(request.user))


@login_required
@require_GET
def logo_of(request: UserRequest, reference: str) -> HttpResponse:
    """Return the logo of a seller to who sets its brand."""
    return _picture(Brand.objects.filter(organisation=_seller(request, reference)).first())


def _picture(found: Brand | None) -> HttpResponse:
    if found is None or found.logo is None:
        raise Http404
    answer = HttpResponse(bytes(found.logo.png), content_type="image/png")
    answer.headers["Cache-Control"] = _CACHE
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
