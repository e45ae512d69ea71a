"""Somebody who sells a static site, and somebody who may order it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from erp.base.doors import now
from erp.catalogue.models import Plan
from erp.catalogue.services import add_offer, add_plan
from erp.customers.models import Organisation
from erp.customers.services import add_customer, add_member, found_provider
from erp.customers.states import Role
from orchestration.releases.services import CATALOGUE, publish
from tests.erp.builders import a_price_list

PARAMETERS = {"title": "A page", "text": "What the page says below its title."}
# Orders below it are accepted at once.
CREDIT_MINOR = 10**9


@dataclass(frozen=True, slots=True)
class Shop:
    """A plan and its buyer."""

    provider: Organisation
    customer: Organisation
    buyer: User
    plan: Plan


def a_shop() -> Shop:
    """Open it."""
    at: datetime = now()
    facts: dict[str, Any] = {"country": "FR", "email": "a@mail.example", "at": at, "by": "bench"}
    provider = found_provider(name="Provider", **facts)
    customer = add_customer(provider, name="Customer", **facts)
    Organisation.objects.filter(pk=customer.pk).update(credit_limit_minor=CREDIT_MINOR)
    customer.refresh_from_db()
    publish(CATALOGUE / "static-site", owner=provider, at=at, by="bench")
    described = {"name": "Site", "summary": "A site.", "product": "static-site"}
    plan = add_plan(add_offer(provider, at=at, by="bench", **described), code="small", name="Small")
    a_price_list(provider, plan)
    member = add_member(customer, email="buyer@mail.example", role=Role.OWNER, at=at, by="bench")
    return Shop(provider, customer, member.user, plan)
