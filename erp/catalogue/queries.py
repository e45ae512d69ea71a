"""What a buyer can buy, from whom, at which price."""

from datetime import datetime

from django.db.models import Q

from erp.base.errors import DomainError
from erp.catalogue.models import Plan, Price, PriceList
from erp.customers.models import Organisation


class NoPrices(DomainError):
    """The seller has no price list in this currency now."""

    code = "no_prices"


def seller_of(buyer: Organisation) -> Organisation:
    """Return who sells to this organisation: the one above it; the provider sells to itself."""
    return buyer.parent or buyer


def price_list_of(seller: Organisation, currency: str, at: datetime) -> PriceList:
    """Return the one price list that is valid at the moment.

    Raises:
        NoPrices: there is none.
    """
    valid = Q(starts_at__lte=at) & (Q(ends_at=None) | Q(ends_at__gt=at))
    found = PriceList.objects.filter(valid, organisation=seller, currency=currency).first()
    if found is None:
        raise NoPrices(f"{seller.name} has no price list in {currency} that is valid now.")
    return found


def prices_of(plan: Plan, price_list: PriceList) -> list[Price]:
    """Return the prices of a plan in a list, in a fixed order."""
    return list(Price.objects.filter(plan=plan, price_list=price_list).order_by("kind", "meter"))
