"""Price lists of one seller never overlap, and one ends so that the next can begin."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from erp.base import scope
from erp.base.journal import JournalLine
from erp.base.money import CurrencyUnsupported
from erp.catalogue import queries, services
from erp.catalogue.models import Plan, Price, PriceKind, PriceList
from erp.customers.models import Organisation
from erp.customers.services import add_customer, add_member, found_provider
from erp.customers.states import Role
from tests.erp.builders import NOON, YEAR_2026, Tree, a_client, a_member, a_plan, a_price_list

NEXT_YEAR = YEAR_2026.replace(year=2027)


def test_an_overlap_is_refused_with_the_name_of_the_other_list(tree: Tree) -> None:
    a_price_list(tree.provider)

    with pytest.raises(services.PriceListOverlaps) as refusal:
        a_price_list(tree.provider, name="Summer", starts_at=NOON)

    assert str(refusal.value) == (
        "“Prices 2026” is valid in EUR from 2026-01-01 without an end: "
        "end it first, or choose other dates."
    )
    assert PriceList.objects.get().name == "Prices 2026"


@pytest.mark.parametrize("currency", ["eur", "EU", ""])
def test_what_no_invoice_can_be_written_in_is_refused_in_words(tree: Tree, currency: str) -> None:
    with pytest.raises(CurrencyUnsupported) as refusal:
        a_price_list(tree.provider, currency=currency)
    assert "three capital" in str(refusal.value)
    with pytest.raises(CurrencyUnsupported):
        add_customer(
            tree.provider, name="Oil", country="KW", email="a@b.example", currency=currency,
            at=NOON, by="test",
        )  # fmt: skip
    assert not PriceList.objects.exists()


def test_other_sellers_and_other_currencies_do_not_overlap(tree: Tree) -> None:
    a_price_list(tree.provider)
    a_price_list(tree.provider, currency="CHF")
    a_price_list(tree.reseller)

    assert PriceList.objects.count() == 3


def test_the_next_list_begins_when_the_old_one_ends(tree: Tree) -> None:
    old = a_price_list(tree.provider)
    services.end_price_list(old, ends_at=NEXT_YEAR, at=NOON, by="alice")
    new = a_price_list(tree.provider, name="Prices 2027", starts_at=NEXT_YEAR)

    before = NEXT_YEAR - timedelta(microseconds=1)
    assert queries.price_list_of(tree.provider, "EUR", before) == old
    assert queries.price_list_of(tree.provider, "EUR", NEXT_YEAR) == new
    line = JournalLine.objects.get(event="end_set")
    assert line.details == {"before": None, "after": "2027-01-01T00:00:00+00:00"}


@pytest.mark.parametrize("ends_at", [NOON - timedelta(days=1), YEAR_2026])
def test_a_list_never_ends_in_the_past(tree: Tree, ends_at: object) -> None:
    old = a_price_list(tree.provider)

    with pytest.raises(services.EndsTooEarly):
        services.end_price_list(old, ends_at=ends_at, at=NOON, by="a")  # type: ignore[arg-type]

    assert PriceList.objects.get().ends_at is None


def test_a_list_that_ended_is_not_moved(tree: Tree) -> None:
    old = a_price_list(tree.provider)
    services.end_price_list(old, ends_at=NOON, at=NOON, by="alice")

    with pytest.raises(services.EndsTooEarly, match="has ended already"):
        services.end_price_list(old, ends_at=NEXT_YEAR, at=NOON, by="alice")

    assert PriceList.objects.get().ends_at == NOON


def test_a_later_end_does_not_reach_into_the_next_list(tree: Tree) -> None:
    old = a_price_list(tree.provider, ends_at=NEXT_YEAR)
    a_price_list(tree.provider, name="Prices 2027", starts_at=NEXT_YEAR)

    with pytest.raises(services.PriceListOverlaps, match="“Prices 2027” is valid"):
        later = NEXT_YEAR + timedelta(days=1)
        services.end_price_list(old, ends_at=later, at=NOON, by="alice")

    old.refresh_from_db()
    assert old.ends_at == NEXT_YEAR


def test_setting_a_price_again_replaces_it(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    made = a_price_list(tree.provider, plan)

    services.set_price(made, plan, kind=PriceKind.RECURRING, unit_price=Decimal("12.5"))

    assert Price.objects.get(kind="recurring").unit_price == Decimal("12.5")


def test_a_plan_has_a_code_of_its_own(tree: Tree) -> None:
    plan = a_plan(tree.provider)

    with pytest.raises(services.PlanExists, match="Site has a plan small already"):
        services.add_plan(plan.offer, code="small", name="Small too")

    assert services.add_plan(plan.offer, code="big", name="Big").position == 2
    assert Plan.objects.count() == 2


def test_a_buyer_without_a_seller_with_prices_finds_an_empty_shelf(tree: Tree) -> None:
    a_price_list(tree.provider, a_plan(tree.provider))

    assert queries.shelf_of(tree.customer, at=NOON) == []
    assert [item.monthly_minor for item in queries.shelf_of(tree.direct, at=NOON)] == [1000]


@pytest.mark.django_db(transaction=True)
def test_of_two_lists_published_at_once_one_is_refused() -> None:
    provider = found_provider(name="P", country="FR", email="p@mail.example", at=NOON, by="test")
    start, outcomes = threading.Barrier(2), []

    def publish(seller: Organisation, name: str) -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                a_price_list(seller, name=name)
                outcomes.append("published")
            except services.PriceListOverlaps as refusal:
                outcomes.append(str(refusal)[:5])
            finally:
                connection.close()

    names = ("One", "Two")
    threads = [threading.Thread(target=publish, args=(provider, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winner = PriceList.objects.get().name
    assert sorted(outcomes) == sorted(["published", f"“{winner}”"])


def test_a_role_at_one_seller_opens_no_prices_of_another(tree: Tree) -> None:
    listed = a_price_list(tree.reseller)
    user = a_member(tree.reseller, Role.READ_ONLY)
    add_member(
        tree.other_reseller, email=user.email, role=Role.RESELLER_MANAGER, at=NOON, by="test"
    )
    client = a_client(user)

    assert listed.reference not in client.get("/catalogue/").content.decode()
    assert client.get(f"/catalogue/price-lists/{listed.reference}").status_code == 404
