"""Which releases are published."""

from django.db.models import Count, Q, QuerySet

from erp.base.errors import DomainError
from erp.base.tenancy import AnyUser
from orchestration.releases.models import SoftwareRelease


class UnknownProduct(DomainError):
    """No release of this product is published."""

    code = "unknown_product"


def newest_release(product: str) -> SoftwareRelease:
    """Return the release that a new instance gets.

    Raises:
        UnknownProduct: none is published.
    """
    releases = SoftwareRelease.objects.filter(product=product).defer("archive")
    found = releases.order_by("-published_at", "-pk").first()
    if found is None:
        raise UnknownProduct(f"No release of {product} is published: an operator must publish one.")
    return found


def with_places(user: AnyUser) -> QuerySet[SoftwareRelease]:
    """Return the releases that the user sees, with on how many nodes each is ready or failed."""
    return (
        SoftwareRelease.objects.visible_to(user)
        .defer("archive")
        .annotate(
            ready=Count("places", filter=Q(places__state="ready")),
            failed=Count("places", filter=Q(places__state="failed")),
        )
    )
