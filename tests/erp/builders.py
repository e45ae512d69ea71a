"""Rows that tests of erp start from: a small tree, people in it, something to sell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from erp.base.errors import DomainError
from erp.catalogue.models import Offer, Plan, PriceKind, PriceList
from erp.catalogue.services import add_offer, add_plan, add_price_list, set_price
from erp.contracts import services as contracts
from erp.contracts.models import Contract
from erp.customers.models import Organisation
from erp.customers.services import add_customer, add_member, add_reseller, found_provider
from erp.customers.states import Role
from erp.orders.services import Wish
from erp.ports import Choice, ProductFacts

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
YEAR_2026 = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 20},
        "workers": {"type": "integer"},
        "token": {"type": "string", "minLength": 8, "writeOnly": True},
    },
    "additionalProperties": False,
}
_numbers = count(1)


METERS = {"cpu_seconds": "s", "memory_gib_hours": "GiB.h"}


class FakeProducts:
    """Answers for one product."""

    def products(self) -> Sequence[ProductFacts]:
        return [ProductFacts("site", "1.0", {"default": SCHEMA}, METERS)]

    def schema(self, product: str, software_type: str) -> Mapping[str, Any]:
        assert (product, software_type) == ("site", "default")
        return SCHEMA


class FakePlaces:
    """Knows two regions, and labels that a plan may ask for."""

    def wishes(self) -> Sequence[tuple[str, str]]:
        return [("region", "Region"), ("labels", "Capabilities")]

    def check(self, sla: Mapping[str, Any], *, buyer: int | None) -> None:
        for name, value in sla.items():
            if name not in {"region", "labels"}:
                raise NoSuchPlace(f"Unknown SLA filter {name!r}; there are: labels, region.")
            if name == "region" and value not in {"paris", "lille"}:
                raise NoSuchPlace(f"There is no {value}; there are: lille, paris.")

    def choices(self, wishes: Collection[str], *, buyer: int) -> Sequence[Choice]:
        regions = [("lille", "lille"), ("paris", "paris")]
        return [Choice("region", "Region", "", "one", regions)] if "region" in wishes else []


class NoSuchPlace(DomainError):
    """There is no such place."""

    code = "unknown_place"
    status = 422


@dataclass(frozen=True)
class Tree:
    """The provider sells to a reseller and a customer, the reseller to two customers."""

    provider: Organisation
    reseller: Organisation
    other_reseller: Organisation
    customer: Organisation
    sibling: Organisation
    cousin: Organisation
    direct: Organisation


def _facts(name: str) -> dict[str, Any]:
    return {"name": name, "country": "FR", "email": f"{name.lower()}@mail.example", "by": "test"}


def a_tree() -> Tree:
    provider = found_provider(at=NOON, **_facts("Provider"))
    reseller = add_reseller(provider, at=NOON, **_facts("Reseller"))
    other = add_reseller(provider, at=NOON, **_facts("Rival"))
    return Tree(
        provider,
        reseller,
        other,
        add_customer(reseller, at=NOON, **_facts("Customer")),
        add_customer(reseller, at=NOON, **_facts("Sibling")),
        add_customer(other, at=NOON, **_facts("Cousin")),
        add_customer(provider, at=NOON, **_facts("Direct")),
    )


def a_member(organisation: Organisation, role: Role) -> User:
    email = f"{role}-{next(_numbers)}@people.example"
    return add_member(organisation, email=email, role=role, at=NOON, by="test").user


def a_client(user: User) -> Client:
    """Return a client signed in as the user; its answers show errors as the server would."""
    client = Client()
    client.force_login(user)
    return client


def a_plan(provider: Organisation, name: str = "Site") -> Plan:
    facts = {"name": name, "summary": "A site.", "product": "site"}
    offer: Offer = add_offer(provider, at=NOON, by="test", **facts)
    return add_plan(offer, code="small", name="Small")


def a_price_list(
    seller: Organisation, *plans: Plan, monthly: str = "10", **facts: Any
) -> PriceList:
    columns: dict[str, Any] = {"name": "Prices 2026", "currency": "EUR", "starts_at": YEAR_2026}
    columns |= facts
    made = add_price_list(seller, at=NOON, by="test", **columns)
    for plan in plans:
        set_price(made, plan, kind=PriceKind.RECURRING, unit_price=Decimal(monthly), unit="month")
        set_price(
            made, plan, kind=PriceKind.METERED, meter="cpu_seconds", unit="s",
            unit_price=Decimal("0.01"),
        )  # fmt: skip
    return made


def a_wish(plan: Plan, key: str = "K-00000001", **facts: Any) -> Wish:
    return Wish(key=key, plan=plan, **({"name": "Our site", "parameters": {"title": "Hi"}} | facts))


def a_contract(buyer: Organisation, plan: Plan, key: str = "K-00000001") -> Contract:
    """Return the contract of an accepted order; the seller has prices."""
    placed = contracts.order(buyer, a_wish(plan, key), by="test", at=NOON)
    return Contract.objects.get(order=placed)
