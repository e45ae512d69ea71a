"""What the seller stopped, the buyer cannot start; what the buyer stopped, both can."""

import pytest

from erp.contracts import services
from erp.contracts.states import State
from erp.customers.states import Role
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("door", ["/services/{}/start", "/api/v1/services/{}/resume"])
def test_a_buyer_cannot_start_what_its_seller_stopped(tree: Tree, door: str) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    owner = a_member(tree.customer, Role.OWNER)
    seller = a_member(tree.reseller, Role.RESELLER_MANAGER)
    services.suspend(contract, at=NOON, by=seller.get_username(), why="unpaid")
    place = door.format(contract.reference)
    refused = a_client(owner).post(place, {}, content_type="application/json")
    assert refused.status_code == 409
    assert f"{tree.reseller.name} stopped this service" in refused.content.decode()
    contract.refresh_from_db()
    assert contract.state == State.SUSPENDED
    assert "/start" not in a_client(owner).get(f"/services/{contract.reference}").content.decode()
    assert a_client(seller).post(place, {}, content_type="application/json").status_code < 400
    contract.refresh_from_db()
    assert contract.state == State.ACTIVE


def test_a_buyer_starts_what_it_stopped_itself(tree: Tree) -> None:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    contract = a_contract(tree.customer, plan)
    owner = a_client(a_member(tree.customer, Role.OWNER))
    technician = a_client(a_member(tree.customer, Role.TECHNICAL))
    owner.post(f"/services/{contract.reference}/stop")
    technician.post(f"/services/{contract.reference}/start")
    contract.refresh_from_db()
    assert contract.state == State.ACTIVE
