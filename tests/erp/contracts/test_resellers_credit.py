"""The credit limit of a reseller, inside the transaction in which its customer orders."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from erp.base import scope
from erp.catalogue.markup import BadMarkup, Markup
from erp.catalogue.models import Plan, PriceKind
from erp.catalogue.queries import against_base, price_list_of
from erp.catalogue.services import ListWish, derive_price_list, publish, set_price
from erp.contracts import services, wholesale
from erp.contracts.models import Contract
from erp.contracts.wholesale import ResellerAtLimit
from erp.customers.models import Organisation
from erp.customers.states import Role
from erp.orders.models import Order
from tests.erp.builders import NOON, Tree, a_client, a_member, a_plan, a_price_list, a_wish

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def plan(tree: Tree) -> Plan:
    """Ten a month for the reseller's customers, six for the reseller."""
    made = a_plan(tree.provider)
    a_price_list(tree.reseller, made)
    a_price_list(tree.provider, made, monthly="6")
    return made


def limit(reseller: Organisation, minor: int | None) -> None:
    Organisation.objects.filter(pk=reseller.pk).update(credit_limit_minor=minor)


def ordered(buyer: Organisation, plan: Plan, key: str) -> Order:
    with scope.organisations([buyer.pk]):
        return services.order(buyer, a_wish(plan, key), by="ann", at=NOON)


def test_orders_of_customers_count_at_wholesale_on_the_resellers_limit(
    tree: Tree, plan: Plan
) -> None:
    limit(tree.reseller, 1200)

    states = [
        ordered(buyer, plan, f"K-{number}").state
        for number, buyer in enumerate((tree.customer, tree.sibling, tree.customer))
    ]

    assert states == ["accepted", "accepted", "placed"]
    assert wholesale.owed_monthly_minor(tree.reseller, "EUR", at=NOON) == 1200


def test_the_reseller_cannot_accept_beyond_its_own_limit(tree: Tree, plan: Plan) -> None:
    limit(tree.reseller, 600)
    ordered(tree.customer, plan, "K-1")
    waiting = ordered(tree.sibling, plan, "K-2")
    seller = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))

    answer = seller.post(f"/services/decide/{waiting.reference}/accept", {"why": ""})

    assert answer.status_code == 409
    assert "has reached its credit limit with Provider" in answer.content.decode()
    assert not Contract.objects.filter(order=waiting).exists()
    limit(tree.reseller, 1200)
    assert (
        seller.post(f"/services/decide/{waiting.reference}/accept", {"why": ""}).status_code == 302
    )


def test_without_a_wholesale_price_what_the_customer_pays_counts(tree: Tree) -> None:
    made = a_plan(tree.provider)
    a_price_list(tree.reseller, made)
    limit(tree.reseller, 999)
    assert ordered(tree.customer, made, "K-1").state == "placed"
    limit(tree.reseller, 1000)
    assert ordered(tree.sibling, made, "K-2").state == "accepted"


def test_a_reseller_whose_wholesale_is_suspended_takes_nothing_new(tree: Tree, plan: Plan) -> None:
    limit(tree.reseller, 100_000)
    ordered(tree.customer, plan, "K-1")
    (contract,) = wholesale.contracts_of(tree.reseller, at=NOON)
    services.suspend(contract, at=NOON, by="dunning", why="unpaid")

    assert ordered(tree.sibling, plan, "K-2").state == "placed"
    with pytest.raises(ResellerAtLimit, match="owes its provider money"):
        services.accept(Order.objects.get(state="placed"), by="r", at=NOON)


def test_the_wholesale_contract_is_made_once_and_is_no_service(tree: Tree, plan: Plan) -> None:
    ordered(tree.customer, plan, "K-1")

    first, again = (wholesale.contracts_of(tree.provider, at=NOON) for _ in range(2))

    assert first == again
    assert [(one.organisation, one.seller) for one in first] == [(tree.reseller, tree.provider)]
    manager: User = a_member(tree.reseller, Role.RESELLER_MANAGER)
    assert "Wholesale" not in a_client(manager).get("/services/").content.decode()


def test_a_list_made_from_another_is_marked_up_price_by_price(tree: Tree, plan: Plan) -> None:
    base = price_list_of(tree.provider, "EUR", NOON)
    set_price(
        base, plan, kind=PriceKind.METERED, meter="memory_gib_hours", unit_price=D(0),
        terms={"model": "graduated", "tiers": [["10", "0.5", "1"], [None, "0.3"]], "minimum": "2"},
    )  # fmt: skip
    markup = Markup(percent=D("12.5"), amount=D("-0.5"))

    made = derive_price_list(
        tree.other_reseller, base, markup, name="Mine", starts_at=NOON, at=NOON, by="r"
    )

    rows = {one.price.meter or one.price.kind: one for one in against_base(made)}
    assert rows["recurring"].price.unit_price == D("6.25")
    assert rows["recurring"].margin == D("0.25")
    assert rows["cpu_seconds"].price.unit_price == D("0.01125")
    assert rows["memory_gib_hours"].price.terms == {
        "model": "graduated",
        "tiers": [["10", "0.562500000", "1.125000000"], [None, "0.337500000", "0E-9"]],
        "minimum": "2.250000000",
    }
    assert rows["memory_gib_hours"].margin is None


@pytest.mark.parametrize("markup", [Markup(D(-100)), Markup(D(0), D("-6.01")), Markup(D(1001))])
def test_no_price_falls_below_zero(tree: Tree, plan: Plan, markup: Markup) -> None:
    base = price_list_of(tree.provider, "EUR", NOON)
    with pytest.raises(BadMarkup):
        derive_price_list(
            tree.other_reseller, base, markup, name="M", starts_at=NOON, at=NOON, by="r"
        )


def test_nobody_sells_from_the_list_of_a_rival(tree: Tree, plan: Plan) -> None:
    base = price_list_of(tree.reseller, "EUR", NOON)
    with pytest.raises(BadMarkup, match="no list that Rival sells from"):
        derive_price_list(
            tree.other_reseller, base, Markup(D(1)), name="M", starts_at=NOON, at=NOON, by="r"
        )


def test_prices_are_raised_in_one_step_and_contracts_keep_theirs(tree: Tree, plan: Plan) -> None:
    old = price_list_of(tree.reseller, "EUR", NOON)
    first = ordered(tree.customer, plan, "K-1")
    facts = {"name": "Dearer", "starts_at": NOON, "buyer": None}

    publish(tree.reseller, ListWish(old, Markup(D(10)), replaces=True), at=NOON, by="r", **facts)

    old.refresh_from_db()
    assert old.ends_at == NOON
    assert ordered(tree.sibling, plan, "K-2").monthly_minor == 1100
    assert first.monthly_minor == 1000


def test_the_page_raises_all_prices(tree: Tree, plan: Plan) -> None:
    old = price_list_of(tree.reseller, "EUR", NOON)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    asked = {
        "name": "2030", "currency": "EUR", "starts_at": "2030-01-01", "replaces": "on",
        "base": old.reference, "percent": "5", "amount": "", "buyer": "",
    }  # fmt: skip

    answer = client.post("/catalogue/price-lists/new", asked, follow=True)

    text = answer.content.decode()
    assert "“Prices 2026”, +5 % on every price" in text
    assert "10.5 EUR" in text
    assert "+0.5 EUR" in text


def test_a_percentage_needs_a_list_to_stand_on(tree: Tree, plan: Plan) -> None:
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    asked = {"name": "X", "currency": "USD", "starts_at": "2030-01-01", "percent": "5"}

    answer = client.post("/catalogue/price-lists/new", asked)

    assert answer.status_code == 422
    assert "Choose the list that the percentage" in answer.content.decode()
