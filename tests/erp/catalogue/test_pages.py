"""The pages of the catalogue: who offers, who prices, who ends."""

import pytest
import time_machine

from erp.catalogue.models import Offer, Plan, Price, PriceList
from erp.customers.states import Role
from tests.erp.builders import NOON, Tree, a_client, a_member, a_plan, a_price_list

OFFER = {"name": "Web", "summary": "A site.", "product": "site:default"}


def test_the_provider_offers_plans_and_prices_them(tree: Tree) -> None:
    client = a_client(a_member(tree.provider, Role.ACCOUNTANT))

    client.post("/catalogue/offers/new", OFFER)
    offer = Offer.objects.get()
    path = f"/catalogue/offers/{offer.reference}"
    client.post(path, {"code": "small", "name": "Small"})
    listed = {"name": "2026", "currency": "EUR", "starts_at": "2026-01-01"}
    client.post("/catalogue/price-lists/new", listed)
    made = PriceList.objects.get()
    price = {
        "plan": Plan.objects.get().pk, "kind": "metered", "meter": "cpu_seconds", "unit": "s",
        "unit_price": "0.01", "included_quantity": "3600",
    }  # fmt: skip
    client.post(f"/catalogue/price-lists/{made.reference}", price)

    assert (offer.product, offer.software_type) == ("site", "default")
    assert offer.organisation == made.organisation == tree.provider
    assert Price.objects.get().included_quantity == 3600
    assert "Small" in client.get(path).content.decode()
    assert "Web" in client.get("/catalogue/").content.decode()


@pytest.mark.parametrize("wrong", [{"name": ""}, {"summary": ""}, {"product": "qemu:default"}])
def test_a_bad_offer_is_shown_again(tree: Tree, wrong: dict[str, str]) -> None:
    client = a_client(a_member(tree.provider, Role.ACCOUNTANT))

    assert client.post("/catalogue/offers/new", OFFER | wrong).status_code == 422
    assert not Offer.objects.exists()


def test_a_plan_code_is_taken_once(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    client = a_client(a_member(tree.provider, Role.ACCOUNTANT))
    path = f"/catalogue/offers/{plan.offer.reference}"

    for wrong in ({"code": "small", "name": "S"}, {"code": "no slug", "name": "S"}, {"name": "S"}):
        assert client.post(path, wrong).status_code == 422
    assert Plan.objects.count() == 1


def test_resellers_and_customers_do_not_offer(tree: Tree) -> None:
    path = f"/catalogue/offers/{a_plan(tree.provider).offer.reference}"
    for user in (
        a_member(tree.reseller, Role.RESELLER_MANAGER),
        a_member(tree.customer, Role.OWNER),
        a_member(tree.provider, Role.OPERATOR),
    ):
        client = a_client(user)
        assert client.post("/catalogue/offers/new", OFFER).status_code == 403
        assert client.get(path).status_code == 403
    assert Offer.objects.count() == 1


@time_machine.travel(NOON, tick=False)
def test_a_seller_ends_a_list_and_publishes_the_next(tree: Tree) -> None:
    old = a_price_list(tree.reseller)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"/catalogue/price-lists/{old.reference}"
    following = {"name": "2027", "currency": "EUR", "starts_at": "2027-01-01"}

    refused = client.post("/catalogue/price-lists/new", following)
    assert "“Prices 2026” is valid in EUR" in refused.content.decode()
    assert "Set the end" in client.get(path).content.decode()
    client.post(f"{path}/end", {"ends_at": "2027-01-01"})
    client.post("/catalogue/price-lists/new", following)

    assert [one.name for one in PriceList.objects.order_by("starts_at")] == ["Prices 2026", "2027"]
    assert client.post(f"{path}/end", {"ends_at": "2026-10-01"}).status_code == 422


@time_machine.travel(NOON, tick=False)
def test_without_a_date_it_ends_now(tree: Tree) -> None:
    old = a_price_list(tree.reseller)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"/catalogue/price-lists/{old.reference}"

    client.post(f"{path}/end", {"ends_at": "soon"})
    assert PriceList.objects.get().ends_at is None
    client.post(f"{path}/end", {})

    assert PriceList.objects.get().ends_at == NOON
    assert "Set the end" not in client.get(path).content.decode()


def test_nobody_ends_or_prices_the_list_of_others(tree: Tree) -> None:
    listed = a_price_list(tree.reseller)
    path = f"/catalogue/price-lists/{listed.reference}"
    provider = a_client(a_member(tree.provider, Role.ACCOUNTANT))
    rival = a_client(a_member(tree.other_reseller, Role.RESELLER_MANAGER))

    assert provider.post(f"{path}/end").status_code == 403
    assert rival.post(f"{path}/end").status_code == 404
    assert rival.get(path).status_code == 404
    assert PriceList.objects.get().ends_at is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"meter": "cpu_seconds"},
        {"kind": "metered"},
        {"unit_price": "-1"},
        {"plan": "0"},
        {"kind": "x"},
    ],
)
def test_a_bad_price_is_shown_again(tree: Tree, wrong: dict[str, str]) -> None:
    plan = a_plan(tree.provider)
    listed = a_price_list(tree.reseller)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    price = {"plan": str(plan.pk), "kind": "recurring", "unit_price": "9"} | wrong

    answer = client.post(f"/catalogue/price-lists/{listed.reference}", price)

    assert answer.status_code == 422
    assert not Price.objects.exists()


def test_a_meter_that_the_product_does_not_have_cannot_be_priced(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    listed = a_price_list(tree.reseller)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"/catalogue/price-lists/{listed.reference}"
    price = {"plan": str(plan.pk), "kind": "metered", "unit_price": "1"}

    unknown = client.post(path, price | {"meter": "moon_phases"})
    other_unit = client.post(path, price | {"meter": "cpu_seconds", "unit": "h"})

    assert (unknown.status_code, other_unit.status_code) == (422, 422)
    refusal = "site does not measure moon_phases; it measures: cpu_seconds, memory_gib_hours."
    assert refusal in unknown.content.decode()
    assert "site counts cpu_seconds in s, and not in h." in other_unit.content.decode()
    assert not Price.objects.exists()
    client.post(path, price | {"meter": "cpu_seconds"})
    assert Price.objects.get().unit == "s"


def test_a_price_in_tiers_is_set_and_told_in_words(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    listed = a_price_list(tree.reseller)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    path = f"/catalogue/price-lists/{listed.reference}"
    price = {
        "plan": str(plan.pk), "kind": "metered", "meter": "cpu_seconds", "unit_price": "0",
        "model": "graduated", "aggregation": "max", "tiers": "100; 0.5; 3\r\n; 0.1\r\n",
        "maximum": "50",
    }  # fmt: skip

    refused = client.post(path, price | {"tiers": "100; 0.5"})
    assert (refused.status_code, Price.objects.count()) == (422, 0)
    assert "The last tier has no end" in refused.content.decode()
    client.post(path, price)

    assert Price.objects.get().terms == {
        "model": "graduated", "aggregation": "max", "maximum": "50",
        "tiers": [["100", "0.5", "3"], [None, "0.1", "0"]],
    }  # fmt: skip
    assert (
        "first 100 s 0.5 EUR per s and 3 EUR once, then 0.1 EUR per s; "
        "of the highest sample; at most 50 EUR a month"
    ) in client.get(path).content.decode()


def test_a_plan_has_limits_that_a_node_can_hold(tree: Tree) -> None:
    client = a_client(a_member(tree.provider, Role.ACCOUNTANT))
    path = f"/catalogue/offers/{a_plan(tree.provider).offer.reference}"
    big = {"code": "big", "name": "Big"}

    for wrong in ('{"moon": 1}', '{"memory_bytes": 0}', '{"memory_bytes": true}', "[1]"):
        assert client.post(path, big | {"limits": wrong}).status_code == 422
    assert client.post(path, big | {"limits": '{"memory_bytes": 1073741824}'}).status_code == 302
    assert Plan.objects.get(code="big").limits == {"memory_bytes": 2**30}


def test_a_list_says_what_an_upgrade_costs_and_a_base_price_when_it_is_billed(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    client = a_client(a_member(tree.reseller, Role.RESELLER_MANAGER))
    listed = {
        "name": "2026", "currency": "EUR", "starts_at": "2026-01-01", "upgrades": "full_month",
    }  # fmt: skip
    client.post("/catalogue/price-lists/new", listed)
    made = PriceList.objects.get()
    path = f"/catalogue/price-lists/{made.reference}"
    price = {"plan": plan.pk, "kind": "recurring", "unit_price": "9", "in_advance": "on"}

    metered = price | {"kind": "metered", "meter": "cpu_seconds"}
    refused = client.post(path, metered)
    assert (refused.status_code, Price.objects.exists()) == (422, False)
    client.post(path, price)

    assert (made.upgrades, Price.objects.get().in_advance) == ("full_month", True)
    page = client.get(path).content.decode()
    assert "9 EUR a month, billed in advance" in page
    assert "the greater plan for the whole month" in page
