"""Instances ask for what their contract permits."""

from datetime import timedelta
from decimal import Decimal

import pytest

from erp.base.journal import history
from erp.catalogue.models import Plan, Price, PriceList
from erp.contracts import changes
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State as Contracted
from orchestration.instances import queries, services, tasks
from orchestration.instances.models import Instance
from orchestration.instances.states import Requested, State
from tests.orchestration.builders import NOON, a_line

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


def follow(line: ContractLine, state: str | None = None) -> Instance:
    contract = Contract.objects.get(pk=line.contract_id)
    if state:
        Contract.objects.filter(pk=contract.pk).update(state=state, state_since=LATER)
        contract.refresh_from_db()
    services.follow_contract(contract, at=LATER)
    return Instance.objects.get(line=line)


def test_an_active_contract_has_one_instance_however_often_it_is_followed() -> None:
    line = a_line(parameters={"title": "Hello"})
    first, second = follow(line), follow(line)
    assert first == second
    assert (second.requested_state, second.state, second.generation) == ("started", "waiting", 1)
    assert second.parameters == {"title": "Hello"}
    assert not queries.out_of_step(LATER).exists()


def test_each_change_raises_the_generation_once() -> None:
    line = a_line()
    follow(line)
    ContractLine.objects.filter(pk=line.pk).update(parameters={"title": "New"})
    assert queries.out_of_step(LATER).count() == 1
    assert follow(line).generation == 2
    assert follow(line).generation == 2


def test_a_greater_plan_is_a_new_generation_with_its_limits() -> None:
    line = a_line()
    follow(line)
    small, offer = line.plan, line.plan.offer
    limits = {"memory_bytes": 2**30}
    big = Plan.objects.create(
        organisation=offer.organisation, offer=offer, code="big", name="Big", limits=limits
    )
    listed = PriceList.objects.create(
        organisation=line.contract.seller, name="2026", currency="EUR", starts_at=NOON
    )
    for plan, price in ((small, 10), (big, 40)):
        Price.objects.create(
            organisation=listed.organisation, price_list=listed, plan=plan, kind="recurring",
            unit_price=Decimal(price),
        )  # fmt: skip

    changes.change(line, changes.Wish("K", big, Decimal(1)), at=LATER, by="alice")

    assert queries.out_of_step(LATER).count() == 1
    found = follow(line)
    assert (found.generation, found.limits) == (2, limits)
    assert not queries.out_of_step(LATER).exists()


def test_suspended_stops_and_active_starts_again() -> None:
    line = a_line()
    follow(line)
    assert follow(line, Contracted.SUSPENDED).requested_state == Requested.STOPPED
    assert not queries.out_of_step(LATER).exists()
    assert follow(line, Contracted.ACTIVE).requested_state == Requested.STARTED


def test_an_ended_contract_keeps_the_data_for_its_retention_and_then_destroys_it() -> None:
    line = a_line()
    follow(line)
    assert follow(line, Contracted.ENDED).requested_state == Requested.STOPPED
    assert not queries.out_of_step(LATER + timedelta(days=13)).exists()
    over = LATER + timedelta(days=14)
    assert queries.out_of_step(over).count() == 1
    services.follow_contract(Contract.objects.get(pk=line.contract_id), at=over)
    instance = Instance.objects.get(line=line)
    assert (instance.requested_state, instance.state) == ("destroyed", State.WIPED)
    assert not queries.out_of_step(over).exists()


def test_what_was_destroyed_cannot_be_asked_back() -> None:
    line = a_line()
    instance = follow(line)
    Instance.objects.filter(pk=instance.pk).update(requested_state=Requested.DESTROYED)
    services.request_change(instance, state=Requested.STARTED, parameters={}, limits={}, at=LATER)
    instance.refresh_from_db()
    assert (instance.requested_state, instance.generation) == ("destroyed", 1)


def test_a_suspended_contract_that_never_ran_needs_no_instance() -> None:
    line = a_line(state=Contracted.SUSPENDED)
    services.follow_contract(line.contract, at=LATER)
    assert not Instance.objects.exists()


def test_secrets_are_sealed_to_their_instance() -> None:
    instance = follow(a_line())
    password = services.secrets_of(instance)["password"]
    assert len(password) == 24
    assert password not in instance.secrets_sealed


def test_the_sweep_does_the_same_twice() -> None:
    line = a_line()
    tasks.sweep_contracts()
    tasks.sweep_contracts()
    instance = Instance.objects.get(line=line)
    assert [entry.event for entry in history(instance)] == ["requested"]


def test_one_contract_without_a_release_stops_no_other() -> None:
    bad = a_line(a_line().organisation)
    ContractLine.objects.filter(pk=bad.pk).update(product="nothing-like-this")
    good = a_line(bad.organisation)
    tasks.sweep_contracts()
    assert Instance.objects.filter(line=good).exists()
    assert not Instance.objects.filter(line=bad).exists()


def test_the_task_of_one_contract_does_the_same_twice() -> None:
    line = a_line()
    tasks.follow_contract(contract=line.contract_id)
    tasks.follow_contract(contract=line.contract_id)
    instance = Instance.objects.get(line=line)
    assert [entry.event for entry in history(instance)] == ["requested"]
    tasks.follow_contract(contract=0)
