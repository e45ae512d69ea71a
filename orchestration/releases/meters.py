"""What is measured of an instance: by every node, and what its release declares besides."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import connection

from orchestration.node_agent.metering import BILLED

# Meter to the unit that its usage is billed in.
OF_EVERY_NODE: Mapping[str, str] = {
    "cpu_seconds": "s",
    "memory_gib_hours": "GiB.h",
    "disk_gib_hours": "GiB.h",
    # Only where the node can count them.
    "network_in_gib": "GiB",
    "network_out_gib": "GiB",
    # Of the backups that are kept of it, by the node that keeps them.
    "backup_gib_hours": "GiB.h",
}

_DECLARED = """
SELECT DISTINCT release.product, meter->>'name', meter->>'unit', meter->>'kind'
FROM orchestration_softwarerelease release,
    jsonb_path_query(release.profile, '$.types.*.meters[*]') AS meter
WHERE release.product = ANY(%s)
"""


def declared(profile: Mapping[str, Any]) -> dict[str, str]:
    """Return the meters that the types of a release declare, each with its billed unit."""
    return {
        meter["name"]: BILLED[meter["kind"]].format(meter["unit"])
        for kind in profile["types"].values()
        for meter in kind.get("meters", [])
    }


def of_products(products: Collection[str]) -> set[tuple[str, str, str]]:
    """Return (product, meter, billed unit) of every published release of the products.

    Of every one, and not the newest: a node may still hold samples of what an instance was before
    its upgrade.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DECLARED, [sorted(products)])
        return {
            (product, name, BILLED[kind].format(unit))
            for product, name, unit, kind in cursor.fetchall()
        }
