"""Pages of offers and price lists."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.catalogue import queries, services
from erp.catalogue.access import offer_for, price_list_for, provider_of, sellers_of
from erp.catalogue.forms import EndListForm, OfferForm, PlanForm, PriceForm, PriceListForm
from erp.catalogue.models import Offer, PriceList
from erp.customers.access import memberships_of
from erp.customers.states import Right
from erp.ports import placement_source, product_source

MOST = 200
INSTANT = timedelta(microseconds=1)


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show what each organisation of the reader can buy, at its seller's prices."""
    if not request.rights & {Right.ORDER, Right.MANAGE_PRICES}:
        raise PermissionDenied
    buyers = [
        member.organisation
        for member in memberships_of(request.user)
        if Right.ORDER in member.rights
    ]
    shelves = [(buyer, queries.shelf_of(buyer, at=now())) for buyer in buyers]
    lists = queries.lists_of(request.user)[:MOST]
    provider = provider_of(request.user)
    facts = {
        "shelves": shelves,
        "lists": lists if Right.MANAGE_PRICES in request.rights else [],
        "may_price": Right.MANAGE_PRICES in request.rights,
        "offers": Offer.objects.filter(organisation=provider) if provider else [],
        "may_offer": provider is not None,
    }
    return render(request, "catalogue/list.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new_list(request: UserRequest) -> HttpResponse:
    """Publish a dated price list."""
    sellers = sellers_of(request.user)
    if not sellers:
        raise PermissionDenied
    at, seller = now(), sellers[0]
    form = PriceListForm(
        request.POST or None,
        bases=queries.bases_for(seller, at=at),
        buyers=seller.children.order_by("kind", "name"),
        initial={"base": request.GET.get("base", "")},
    )
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            made = services.publish(seller, at=at, by=by, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("catalogue:price_list", made.reference)
    facts = {"form": form, "crumbs": [("Catalogue", "/catalogue/")]}
    return render(request, "catalogue/new_list.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def price_list(request: UserRequest, reference: str) -> HttpResponse:
    """Show a price list; its seller sets prices in it."""
    if Right.MANAGE_PRICES not in request.rights:
        raise PermissionDenied
    found = price_list_for(request.user, reference)
    form = PriceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if found.organisation not in sellers_of(request.user):
            raise PermissionDenied
        try:
            services.set_price(found, **form.cleaned_data)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The price is set.")
            return redirect("catalogue:price_list", reference)
    facts = {
        "price_list": found,
        "prices": queries.against_base(found),
        "form": form if found.organisation in sellers_of(request.user) else None,
        "may_end": found.organisation in sellers_of(request.user) and _goes_on(found),
        "end_form": EndListForm(auto_id="end_%s"),
        "crumbs": [("Catalogue", "/catalogue/")],
    }
    return render(request, "catalogue/price_list.html", facts, status=422 if form.errors else 200)


def _goes_on(found: PriceList) -> bool:
    return found.ends_at is None or found.ends_at > now()


@login_required
@require_POST
def end_list(request: UserRequest, reference: str) -> HttpResponse:
    """Let a price list end, so that the next can begin."""
    found = price_list_for(request.user, reference, to_write=True)
    form = EndListForm(request.POST)
    if form.is_valid():
        at, by = now(), request.user.get_username()
        ends_at = form.cleaned_data["ends_at"] or max(at, found.starts_at + INSTANT)
        services.end_price_list(found, ends_at=ends_at, at=at, by=by)
        messages.success(request, f"“{found.name}” ends: publish the next list.")
    else:
        messages.error(request, "Give the end as a date, or nothing to end it now.")
    return redirect("catalogue:price_list", reference)


@login_required
@require_http_methods(["GET", "POST"])
def new_offer(request: UserRequest) -> HttpResponse:
    """Offer a software product; resellers sell it on."""
    provider = provider_of(request.user)
    if provider is None:
        raise PermissionDenied
    form = OfferForm(
        request.POST or None,
        products=product_source().products(),
        wishes=placement_source().wishes(),
        chosen=services.BUYERS_WISHES,
    )
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        made = services.add_offer(provider, at=now(), by=by, **form.cleaned_data)
        messages.success(request, "Offered: add a plan, then its prices.")
        return redirect("catalogue:offer", made.reference)
    facts = {"form": form, "crumbs": [("Catalogue", "/catalogue/")]}
    return render(request, "catalogue/new_offer.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def offer(request: UserRequest, reference: str) -> HttpResponse:
    """Show an offer with its plans, and add a plan."""
    found = offer_for(request.user, reference)
    form = PlanForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = services.add_plan(found, **form.cleaned_data)
        except DomainError as refusal:
            fields = {"plan_exists": "code", "bad_service_level": "service_level"}
            form.add_error(fields.get(refusal.code, "sla"), str(refusal))
        else:
            messages.success(request, f"{made.name} is there: it is sold once a list prices it.")
            return redirect("catalogue:offer", reference)
    crumbs = [("Catalogue", "/catalogue/")]
    facts = {"offer": found, "plans": found.plans.all(), "form": form, "crumbs": crumbs}
    return render(request, "catalogue/offer.html", facts, status=422 if form.errors else 200)
