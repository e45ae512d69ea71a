"""Contracts: stop, start, end, change; what is past its end ends by itself, once."""

from datetime import timedelta

import pytest
import time_machine

from erp.base.journal import JournalLine, history
from erp.contracts import services
from erp.contracts.models import Contract, ContractLine
from erp.contracts.states import State
from erp.contracts.tasks import end_expired, sweep_expired
from erp.customers.states import Role
from erp.orders.parameters import BadParameters
from tests.erp.builders import NOON, Tree, a_client, a_contract, a_member, a_plan, a_price_list

LATER = NOON + timedelta(days=1)


@pytest.fixture
def contract(tree: Tree) -> Contract:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    return a_contract(tree.customer, plan)


def test_the_prices_are_those_of_the_order(contract: Contract) -> None:
    agreed = contract.lines.get().prices.values_list("kind", "meter", "unit_price")

    assert [(kind, meter, str(price)) for kind, meter, price in agreed] == [
        ("metered", "cpu_seconds", "0.010000000"), ("recurring", "", "10.000000000"),
    ]  # fmt: skip


def test_suspend_resume_end_are_recorded_with_reasons(contract: Contract) -> None:
    services.suspend(contract, at=NOON, by="bob", why="unpaid")
    services.resume(contract, at=LATER, by="bob", why="paid")
    services.end(contract, at=LATER, by="alice", why="moved")

    found = Contract.objects.get()
    assert (found.state, found.state_since, found.ends_at) == (State.ENDED, LATER, LATER)
    assert [(one.event, one.by, one.why) for one in history(contract)][1:] == [
        ("suspended", "bob", "unpaid"), ("active", "bob", "paid"), ("ended", "alice", "moved"),
    ]  # fmt: skip


def test_what_ends_as_it_begins_lasted_a_moment(contract: Contract) -> None:
    services.end(contract, at=NOON - timedelta(seconds=2), by="alice", why="a wrong click")

    found = Contract.objects.get()
    assert (found.state, found.ends_at) == (State.ENDED, NOON + timedelta(microseconds=1))


def test_ending_later_than_agreed_keeps_the_agreed_end(contract: Contract) -> None:
    agreed = NOON + timedelta(hours=1)
    Contract.objects.update(ends_at=agreed)
    contract.refresh_from_db()

    services.end(contract, at=LATER, by="sweep", why="past its end")

    assert Contract.objects.get().ends_at == agreed


@time_machine.travel(LATER, tick=False)
def test_what_is_past_its_end_ends_once(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(end_expired, "delay", lambda *, contract: sent.append(contract))
    Contract.objects.update(ends_at=NOON + timedelta(hours=1))

    sweep_expired()
    sweep_expired()
    assert sent == [contract.pk, contract.pk]

    end_expired(contract=contract.pk)
    end_expired(contract=contract.pk)
    sweep_expired()
    assert Contract.objects.get().state == State.ENDED
    assert JournalLine.objects.filter(event="ended").count() == 1
    assert len(sent) == 2


@time_machine.travel(LATER, tick=False)
def test_what_is_not_past_its_end_goes_on(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_expired, "delay", lambda *, contract: pytest.fail("not due"))
    Contract.objects.update(ends_at=LATER + timedelta(seconds=1))

    sweep_expired()
    end_expired(contract=contract.pk)

    assert Contract.objects.get().state == State.ACTIVE


def test_changing_parameters_is_checked_recorded_and_idempotent(contract: Contract) -> None:
    line = contract.lines.get()
    for _ in range(2):
        services.change_parameters(line, {"title": "Bye"}, at=NOON, by="alice")

    changed = JournalLine.objects.get(event="changed")
    assert changed.details == {"before": {"title": "Hi"}, "after": {"title": "Bye"}}
    with pytest.raises(BadParameters):
        services.change_parameters(line, {"colour": "red"}, at=NOON, by="alice")
    services.end(contract, at=LATER, by="alice", why="moved")
    with pytest.raises(services.NotInForce):
        services.change_parameters(line, {"title": "Hi"}, at=LATER, by="alice")
    assert ContractLine.objects.get().parameters == {"title": "Bye"}


def test_the_pages_stop_start_change_and_end(tree: Tree, contract: Contract) -> None:
    client = a_client(a_member(tree.customer, Role.TECHNICAL))
    path = f"/services/{contract.reference}"

    def state() -> str:
        return Contract.objects.get().state

    client.post(f"{path}/stop", {"why": "holidays"})
    assert state() == State.SUSPENDED
    assert client.post(f"{path}/stop").status_code == 409
    client.post(f"{path}/start")
    assert state() == State.ACTIVE
    assert client.get(f"{path}/parameters/1").status_code == 200
    assert client.post(f"{path}/parameters/1", {"p_workers": "x"}).status_code == 422
    assert client.post(f"{path}/parameters/2").status_code == 404
    client.post(f"{path}/parameters/1", {"p_title": "Bye", "p_workers": "2"})
    assert ContractLine.objects.get().parameters == {"title": "Bye", "workers": 2}
    client.post(f"{path}/end", {"confirm": "our site"})
    assert state() == State.ACTIVE
    client.post(f"{path}/end", {"confirm": "Our site"})
    assert state() == State.ENDED
    assert "Ended" in client.get(path).content.decode()


def test_a_reader_looks_and_does_not_touch(tree: Tree, contract: Contract) -> None:
    client = a_client(a_member(tree.customer, Role.BILLING))
    path = f"/services/{contract.reference}"

    assert client.get(path).status_code == 200
    for verb in ("stop", "start", "end", "parameters/1"):
        assert client.post(f"{path}/{verb}", {"confirm": "Our site"}).status_code == 403
    assert Contract.objects.get().state == State.ACTIVE


def test_the_export_streams_and_runs_no_formulas(tree: Tree, contract: Contract) -> None:
    Contract.objects.update(name="=1+1")
    client = a_client(a_member(tree.customer, Role.OWNER))

    answer = client.get("/services/export.csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]

    assert text.splitlines()[0] == "reference,name,customer,seller,state,since"
    assert text.splitlines()[1].startswith(f"{contract.reference},'=1+1,Customer,Reseller,active,")
