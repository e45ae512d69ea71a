"""Rows that tests of orchestration start from."""

from datetime import UTC, datetime
from typing import Any

from erp.catalogue.models import Offer, Plan
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from erp.customers.models import Organisation
from orchestration.nodes.models import ComputeNode, ComputePartition
from orchestration.releases.models import SoftwareRelease

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def a_provider() -> Organisation:
    found = Organisation.objects.filter(kind="provider").first()
    return found or _organisation("provider", None)


def a_customer(name: str = "Customer") -> Organisation:
    return _organisation("customer", a_provider(), name)


def _organisation(kind: str, above: Organisation | None, name: str = "Provider") -> Organisation:
    one = Organisation(
        kind=kind, name=name, parent=above, country="FR", email="a@b.fr", created_at=NOON
    )
    one.path = (above.path if above else "") + one.reference + "/"
    one.save()
    return one


def a_release(product: str = "static-site", version: str = "1.0.0") -> SoftwareRelease:
    release, _ = SoftwareRelease.objects.get_or_create(
        product=product,
        version=version,
        defaults={
            "organisation": a_provider(),
            "uid": f"{product}-{version}",
            "source": "a test",
            "profile": {"name": product, "version": version, "types": {"default": {}}},
            "archive": b"",
            "published_at": NOON,
        },
    )
    return release


def a_line(
    customer: Organisation | None = None, *, state: str = Contracted.ACTIVE, **columns: Any
) -> ContractLine:
    a_release()
    customer = customer or a_customer()
    provider = a_provider()
    offer = Offer.objects.create(
        organisation=provider, name="Static site", summary="", product="static-site"
    )
    plan = Plan.objects.create(organisation=provider, offer=offer, code="small", name="Small")
    contract = Contract.objects.create(
        organisation=customer,
        seller=provider,
        name="My site",
        currency="EUR",
        starts_at=NOON,
        state=state,
        state_since=NOON,
    )
    return ContractLine.objects.create(
        organisation=customer,
        contract=contract,
        name="My site",
        plan=plan,
        product="static-site",
        **columns,
    )


def a_node(name: str = "node-1", *, partitions: int = 2, **columns: Any) -> ComputeNode:
    provider = a_provider()
    facts: dict[str, Any] = {
        "host": name,
        "service_address": "127.0.0.1",
        "state": "ready",
        "is_privileged": True,
    } | columns
    node = ComputeNode.objects.create(
        organisation=provider, name=name, state_since=NOON, created_at=NOON, **facts
    )
    for number in range(partitions):
        ComputePartition.objects.create(
            organisation=provider,
            node=node,
            name=f"p{number}",
            user=f"tn-p{number}",
            address="127.0.0.1",
            port_first=21000 + 10 * number,
            port_count=10,
        )
    return node
