"""Pages of offers and price lists."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.catalogue import queries, services
from erp.catalogue.forms import PriceForm, PriceListForm
from erp.catalogue.models import PriceList
from erp.customers.access import memberships_of
from erp.customers.models import Organisation
from erp.customers.states import RIGHTS, Kind, Right

MOST = 200


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show what each organisation of the reader can buy, at its seller's prices."""
    if not request.rights & {Right.ORDER, Right.MANAGE_PRICES}:
        raise PermissionDenied
    buyers = [
        member.organisation
        for member in memberships_of(request.user)
        if Right.ORDER in RIGHTS[member.role]
    ]
    shelves = [(buyer, queries.shelf_of(buyer, at=now())) for buyer in buyers]
    lists = PriceList.objects.visible_to(request.user).select_related("organisation")[:MOST]
    facts = {
        "shelves": shelves,
        "lists": lists if Right.MANAGE_PRICES in request.rights else [],
        "may_price": Right.MANAGE_PRICES in request.rights,
    }
    return render(request, "catalogue/list.html", facts)


def _sellers(request: UserRequest) -> list[Organisation]:
    return [
        member.organisation
        for member in memberships_of(request.user)
        if Right.MANAGE_PRICES in RIGHTS[member.role] and member.organisation.kind != Kind.CUSTOMER
    ]


@login_required
@require_http_methods(["GET", "POST"])
def new_list(request: UserRequest) -> HttpResponse:
    """Publish a dated price list."""
    sellers = _sellers(request)
    if not sellers:
        raise PermissionDenied
    form = PriceListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        by = request.user.get_username()
        try:
            made = services.add_price_list(sellers[0], at=now(), by=by, **form.cleaned_data)
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
    visible = PriceList.objects.visible_to(request.user).select_related("organisation")
    found = get_object_or_404(visible, reference=reference)
    form = PriceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if found.organisation not in _sellers(request):
            raise PermissionDenied
        services.set_price(found, **form.cleaned_data)
        messages.success(request, "The price is set.")
        return redirect("catalogue:price_list", reference)
    facts = {
        "price_list": found,
        "prices": found.prices.select_related("plan__offer").order_by("plan", "kind", "meter"),
        "form": form if found.organisation in _sellers(request) else None,
        "crumbs": [("Catalogue", "/catalogue/")],
    }
    return render(request, "catalogue/price_list.html", facts, status=422 if form.errors else 200)
