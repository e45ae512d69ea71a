"""Which organisations a reader finds."""

from django.db.models import Q

from erp.base.tenancy import AnyUser
from erp.customers.models import Organisation, OrganisationQuerySet


def found(user: AnyUser, *, words: str = "") -> OrganisationQuerySet:
    """Return the organisations that the user sees by name, of some words in name or reference."""
    seen: OrganisationQuerySet = Organisation.objects.visible_to(user).select_related("parent")
    for word in words.split()[:5]:
        seen = seen.filter(Q(name__icontains=word) | Q(reference__iexact=word))
    return seen.order_by("name", "pk")


def after(organisations: OrganisationQuerySet, last: Organisation) -> OrganisationQuerySet:
    """Return what stands after an organisation in the order of names."""
    return organisations.filter(Q(name__gt=last.name) | Q(name=last.name, pk__gt=last.pk))
