"""Place orders and decide on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from erp.base.errors import DomainError
from erp.base.journal import record
from erp.base.lifecycle import move
from erp.base.secret_parameters import revealed
from erp.catalogue.models import Plan, Price, PriceList
from erp.catalogue.queries import NoPrices, price_list_of, prices_of, seller_of
from erp.customers.models import Organisation
from erp.orders.models import Order
from erp.orders.parameters import as_stored
from erp.orders.preview import preview
from erp.orders.states import State
from erp.ports import placement_source


class KeyReused(DomainError):
    """This order form was sent before with other content: reload the page to order again."""

    code = "key_reused"


class NotOffered(DomainError):
    """The offer does not let the buyer choose this of the place."""

    code = "not_offered"
    status = 422


class OfferClosed(DomainError):
    """This offer is not sold any more."""

    code = "offer_closed"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Args:
        key: names this wish for ever: the same key is the same order.
    """

    key: str
    name: str
    plan: Plan
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sla: Mapping[str, Any] = field(default_factory=dict)

    def is_of(self, order: Order) -> bool:
        """Return whether the order asks for the same."""
        given = revealed(order.parameters, product=self.plan.offer.product)
        asked = (self.name, self.plan.pk, dict(self.parameters), dict(self.sla))
        return asked == (order.name, order.plan_id, given, order.sla)


def earlier_of(buyer: Organisation, wish: Wish) -> Order | None:
    """Return the order that the key of the wish names already, if there is one.

    Raises:
        KeyReused: the key names another wish.
    """
    earlier = Order.objects.filter(organisation=buyer, idempotency_key=wish.key).first()
    if earlier:
        check_same(earlier, wish)
    return earlier


def check_same(earlier: Order, wish: Wish) -> None:
    """Refuse a key that names another wish.

    Raises:
        KeyReused: it does.
    """
    if not wish.is_of(earlier):
        raise KeyReused


@transaction.atomic
def place(buyer: Organisation, wish: Wish, *, by: str, at: datetime) -> Order:
    """Place one order; the same key again returns the same order.

    Orders of one buyer take turns: the row of the buyer is locked.

    Raises:
        KeyReused: the key names another wish.
        OfferClosed: the offer is not sold any more.
        NoPrices: the seller has no price for the plan now.
        BadParameters: the release does not take these parameters.
        NotOffered: the offer leaves the buyer no such wish of the place.
        DomainError: a wish of the place that nobody can fulfil.
    """
    # Others go on writing rows that refer to the buyer, which a stronger lock would make wait.
    Organisation.objects.select_for_update(no_key=True).get(pk=buyer.pk)
    earlier = earlier_of(buyer, wish)
    if earlier:
        return earlier
    order = quoted(buyer, wish, by=by, at=at)
    order.save(force_insert=True)
    record(order, "placed", at=at, by=by, plan=str(wish.plan))
    return order


def quoted(buyer: Organisation, wish: Wish, *, by: str, at: datetime) -> Order:
    """Return the order that `place` would store now; nothing is stored. Raises as `place` does."""
    offer = wish.plan.offer
    if not offer.is_open:
        raise OfferClosed(f"{offer.name} is not sold any more.")
    _check_place(buyer, wish)
    wish = replace(wish, parameters=as_stored(offer.product, offer.software_type, wish.parameters))
    prices = price_list_of(seller_of(buyer), buyer.currency, at, buyer=buyer)
    return _order(buyer, wish, prices, by=by, at=at)


def _check_place(buyer: Organisation, wish: Wish) -> None:
    """Refuse at once what would wait for a place for ever."""
    plan, offered = wish.plan, wish.plan.offer.wishes
    asked = plan.sla | dict(wish.sla)
    if asked:
        placement_source().check(asked, buyer=buyer.pk)
    for name, value in wish.sla.items():
        if name in plan.sla and plan.sla[name] != value:
            raise NotOffered(f"{plan} fixes the {name} of the place.", fixed=plan.sla)
        if name not in offered and name not in plan.sla:
            known = ", ".join(offered) or "nothing"
            raise NotOffered(
                f"{plan.offer.name} does not let you choose the {name} of the place; "
                f"it lets you choose: {known}.",
                known=list(offered),
            )


def _order(
    buyer: Organisation, wish: Wish, price_list: PriceList, *, by: str, at: datetime
) -> Order:
    prices = prices_of(wish.plan, price_list)
    if not prices:
        raise NoPrices(f"{price_list.name} has no price for {wish.plan}.")
    return Order(
        organisation=buyer,
        seller_id=price_list.organisation_id,
        idempotency_key=wish.key,
        name=wish.name,
        plan=wish.plan,
        price_list=price_list,
        parameters=dict(wish.parameters),
        sla=dict(wish.sla),
        prices=[_as_shown(price) for price in prices],
        monthly_minor=preview(prices, currency=price_list.currency).monthly.minor,
        currency=price_list.currency,
        placed_by=by,
        created_at=at,
        state=State.PLACED,
        state_since=at,
    )


def _as_shown(price: Price) -> dict[str, Any]:
    return {
        "kind": price.kind,
        "meter": price.meter,
        "unit": price.unit,
        "unit_price": str(price.unit_price),
        "included_quantity": str(price.included_quantity),
        "terms": price.terms,
        "in_advance": price.in_advance,
    }


def refuse(order: Order, *, by: str, at: datetime, why: str) -> None:
    """Refuse a placed order, with a reason that the buyer reads."""
    move(order, State.REFUSED, at=at, by=by, why=why)
