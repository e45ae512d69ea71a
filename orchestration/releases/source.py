"""The answer to `erp.ports.ProductSource`: products from published releases."""

from collections.abc import Mapping, Sequence
from typing import Any

from erp.ports import ProductFacts
from orchestration.releases.meters import OF_EVERY_NODE, declared
from orchestration.releases.models import SoftwareRelease
from orchestration.releases.queries import UnknownProduct, newest_release


class PublishedReleases:
    """Reads the newest release of each product."""

    def products(self) -> Sequence[ProductFacts]:
        """Return the newest version of every product that can be ordered."""
        newest = SoftwareRelease.objects.order_by("product", "-published_at", "-pk")
        return [
            ProductFacts(
                name=release.product,
                version=release.version,
                software_types={
                    name: kind.get("parameters", {})
                    for name, kind in release.profile["types"].items()
                },
                meters={**OF_EVERY_NODE, **declared(release.profile)},
            )
            for release in newest.distinct("product").defer("archive")
        ]

    def schema(self, product: str, software_type: str) -> Mapping[str, Any]:
        """Return the JSON Schema of the parameters.

        Raises:
            UnknownProduct: there is no such product or type.
        """
        types = newest_release(product).profile["types"]
        if software_type not in types:
            raise UnknownProduct(f"{product} has no software type {software_type}.")
        schema: Mapping[str, Any] = types[software_type].get("parameters", {"type": "object"})
        return schema
