"""The one way from a user to offers and price lists, and for whom the user sells."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from erp.base.tenancy import AnyUser
from erp.catalogue.models import Offer, PriceList
from erp.catalogue.queries import lists_of
from erp.customers.access import memberships_of
from erp.customers.models import Organisation
from erp.customers.states import Kind, Right


def sellers_of(user: AnyUser) -> list[Organisation]:
    """Return the sellers whose prices the user keeps, being a member of them."""
    return [
        member.organisation
        for member in memberships_of(user)
        if Right.MANAGE_PRICES in member.rights and member.organisation.kind != Kind.CUSTOMER
    ]


def provider_of(user: AnyUser) -> Organisation | None:
    """Return the provider when the user keeps its catalogue."""
    return next((one for one in sellers_of(user) if one.kind == Kind.PROVIDER), None)


def offer_for(user: AnyUser, reference: str) -> Offer:
    """Return the offer to who keeps the catalogue.

    Raises:
        Http404: there is no such offer.
        PermissionDenied: the user keeps no catalogue.
    """
    provider = provider_of(user)
    if provider is None:
        raise PermissionDenied
    return get_object_or_404(Offer, organisation=provider, reference=reference)


def price_list_for(user: AnyUser, reference: str, *, to_write: bool = False) -> PriceList:
    """Return the price list: who keeps prices above it reads it, its own seller writes it.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not change it.
    """
    found = get_object_or_404(lists_of(user), reference=reference)
    if to_write and found.organisation not in sellers_of(user):
        raise PermissionDenied
    return found
