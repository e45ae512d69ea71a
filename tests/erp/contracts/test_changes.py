"""Changes of plan and quantity: more at once, less at the renewal, once, by one at a time."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection

from erp.base import scope
from erp.base.journal import history
from erp.catalogue.models import Plan, PriceKind, Upgrades
from erp.catalogue.services import add_plan, set_price
from erp.contracts import changes, services
from erp.contracts.models import Contract, ContractLine, LineChange, LinePrice
from erp.contracts.states import ChangeState
from erp.contracts.tasks import apply_change, sweep_changes
from erp.contracts.wholesale import ResellerAtLimit
from erp.customers.models import Organisation
from tests.erp.builders import NOON, Tree, a_contract, a_plan, a_price_list, a_tree

D = Decimal
LATER = NOON + timedelta(days=9)
RENEWAL = NOON.replace(month=12, hour=0)
BIG_LIMITS = {"memory_mib": 4096}


def resizable(tree: Tree, *, upgrades: str = Upgrades.PRORATED) -> tuple[ContractLine, Plan]:
    """Return a line on the small plan, and the greater plan of its offer."""
    small = a_plan(tree.provider)
    big = add_plan(small.offer, code="big", name="Big", limits=BIG_LIMITS)
    listed = a_price_list(tree.reseller, small)
    set_price(listed, small, kind=PriceKind.SETUP, unit_price=D(5))
    set_price(listed, big, kind=PriceKind.RECURRING, unit_price=D(40), unit="month")
    type(listed).objects.update(upgrades=upgrades)
    return a_contract(tree.customer, small).lines.get(), big


@pytest.fixture
def line(tree: Tree) -> ContractLine:
    return resizable(tree)[0]


@pytest.fixture
def big(line: ContractLine) -> Plan:
    return line.plan.offer.plans.get(code="big")


def wish(plan: Plan, key: str = "K-1", quantity: str = "1", seen: str = "") -> changes.Wish:
    return changes.Wish(key, plan, D(quantity), seen)


def stored(line: ContractLine) -> list[tuple[str, str, str, str]]:
    """Return kind, unit price, start and end of each price, by day."""

    def day(moment: object) -> str:
        return f"{moment:%m-%d}" if moment else ""

    return [
        (price.kind, f"{price.unit_price.normalize():f}", day(price.starts_at), day(price.ends_at))
        for price in LinePrice.objects.filter(line=line)
    ]


def test_more_is_in_force_at_once_and_dates_the_prices(line: ContractLine, big: Plan) -> None:
    made = changes.change(line, wish(big), at=LATER, by="alice")

    assert (made.state, made.effective_at, made.base_from) == (ChangeState.APPLIED, LATER, LATER)
    assert (made.monthly_before_minor, made.monthly_after_minor) == (1000, 4000)
    assert stored(line) == [
        ("metered", "0.01", "", "11-10"),
        ("recurring", "10", "", "11-10"),
        ("recurring", "40", "11-10", ""),
        ("setup", "5", "", ""),
    ]
    found = ContractLine.objects.get()
    assert (found.plan, found.limits) == (big, BIG_LIMITS)
    last = history(line.contract).order_by("-position")[0]
    assert (last.event, last.by, last.details["after"]) == ("resized", "alice", "Site Big, 1")


def test_a_plan_brings_its_promises_and_a_backup_of_ones_own_stays(
    line: ContractLine, big: Plan
) -> None:
    promised = {"service_level": [["99.9", "10"]], "backup": {"every_minutes": 60}}
    Plan.objects.filter(pk=big.pk).update(**promised)
    big = Plan.objects.select_related("offer").get(pk=big.pk)
    small = line.plan

    changes.change(line, wish(big), at=LATER, by="alice")
    found = ContractLine.objects.get()
    assert (found.service_level, found.backup) == (promised["service_level"], promised["backup"])

    ContractLine.objects.update(backup={"every_minutes": 5})
    planned = changes.change(line, wish(small, "K-2"), at=LATER, by="alice")
    changes.apply(planned, at=RENEWAL, by="sweep")
    found = ContractLine.objects.get()
    assert (found.plan, found.limits, found.service_level) == (small, small.limits, [])
    assert found.backup == {"every_minutes": 5}


def test_less_waits_for_the_renewal_and_may_be_cancelled(line: ContractLine, big: Plan) -> None:
    small = line.plan
    before = stored(line)
    changes.change(line, wish(small, "K-1", "3"), at=LATER, by="alice")
    made = changes.change(line, wish(small, "K-2", "2"), at=LATER + timedelta(days=1), by="alice")

    assert (made.state, made.effective_at) == (ChangeState.PLANNED, RENEWAL)
    assert ContractLine.objects.get().quantity == 3
    with pytest.raises(changes.ChangePlanned, match="Site Small is planned from 2026-12-01"):
        changes.change(line, wish(big, "K-3"), at=LATER + timedelta(days=2), by="alice")

    changes.cancel(made, at=RENEWAL - timedelta(seconds=1), by="bob")
    changes.cancel(made, at=RENEWAL, by="bob")

    assert LineChange.objects.get(pk=made.pk).state == ChangeState.CANCELLED
    assert [row[-1] for row in stored(line)] == ["11-10", "", "11-10", "", ""]
    assert len(stored(line)) == len(before) + 2


def test_a_planned_change_takes_effect_once_and_is_not_cancelled_then(
    line: ContractLine, big: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes.change(line, wish(line.plan, "K-1", "3"), at=LATER, by="alice")
    made = changes.change(line, wish(line.plan, "K-2"), at=LATER, by="alice")
    sent: list[int] = []
    monkeypatch.setattr(apply_change, "delay", lambda *, change: sent.append(change))

    with time_machine.travel(RENEWAL - timedelta(seconds=1), tick=False):
        sweep_changes()
        apply_change(change=made.pk)
        assert not sent
        assert ContractLine.objects.get().quantity == 3
    with time_machine.travel(RENEWAL, tick=False):
        sweep_changes()
        sweep_changes()
        apply_change(change=made.pk)
        apply_change(change=made.pk)
        sweep_changes()

    assert sent == [made.pk, made.pk]
    assert ContractLine.objects.get().quantity == 1
    events = [one.event for one in history(line.contract)]
    assert (events.count("resized"), events.count("change_planned")) == (2, 1)
    with pytest.raises(changes.TooLate):
        changes.cancel(made, at=RENEWAL, by="bob")


def test_what_has_ended_meanwhile_does_not_change(line: ContractLine) -> None:
    changes.change(line, wish(line.plan, "K-1", "3"), at=LATER, by="alice")
    made = changes.change(line, wish(line.plan, "K-2"), at=LATER, by="alice")
    services.end(Contract.objects.get(), at=LATER, by="alice", why="moved")

    changes.apply(made, at=RENEWAL, by="sweep")

    assert LineChange.objects.get(pk=made.pk).state == ChangeState.CANCELLED
    assert ContractLine.objects.get().quantity == 3


def test_where_the_month_is_paid_in_full_the_base_price_reaches_back(tree: Tree) -> None:
    line, big = resizable(tree, upgrades=Upgrades.FULL_MONTH)
    Contract.objects.update(starts_at=NOON - timedelta(days=40))

    made = changes.change(line, wish(big), at=LATER, by="alice")

    assert made.base_from == NOON.replace(hour=0)
    assert stored(line)[:3] == [
        ("metered", "0.01", "", "11-10"),
        ("recurring", "10", "", "11-01"),
        ("recurring", "40", "11-01", ""),
    ]


def test_the_same_key_is_the_same_change_and_what_moved_is_shown_again(
    line: ContractLine, big: Plan
) -> None:
    seen = changes.seen_of(line)
    first = changes.change(line, wish(big, seen=seen), at=LATER, by="alice")
    again = changes.change(line, wish(big, seen=seen), at=LATER, by="alice")
    assert again == first

    with pytest.raises(changes.KeyReused):
        changes.change(line, wish(big, quantity="2"), at=LATER, by="alice")
    with pytest.raises(changes.ChangedMeanwhile):
        changes.change(line, wish(big, "K-2", "2", seen), at=LATER, by="bob")
    with pytest.raises(changes.NothingChanges):
        changes.change(line, wish(big, "K-3"), at=LATER, by="bob")
    assert LineChange.objects.count() == 1


def test_what_cannot_be_says_why_and_changes_nothing(
    tree: Tree, line: ContractLine, big: Plan
) -> None:
    before = stored(line)
    other = a_plan(tree.provider, "Mail")
    with pytest.raises(changes.NotOfThisOffer):
        changes.change(line, wish(other), at=LATER, by="alice")
    Plan.objects.filter(pk=big.pk).update(sla={"region": "lille"})
    with pytest.raises(changes.AnotherPlace):
        changes.change(line, wish(Plan.objects.get(pk=big.pk)), at=LATER, by="alice")
    Organisation.objects.filter(pk=tree.customer.pk).update(credit_limit_minor=4499)
    with pytest.raises(changes.OverLimit, match="makes it 45"):
        changes.change(line, wish(big), at=LATER, by="alice")
    services.suspend(Contract.objects.get(), at=LATER, by="bob", why="unpaid")
    with pytest.raises(services.NotInForce, match="Our site is suspended"):
        changes.change(line, wish(big), at=LATER, by="alice")

    assert not LineChange.objects.exists()
    assert stored(line) == before


def test_an_upgrade_is_held_to_the_credit_of_the_seller(
    tree: Tree, line: ContractLine, big: Plan
) -> None:
    Organisation.objects.filter(pk=tree.reseller.pk).update(credit_limit_minor=3999)
    with pytest.raises(ResellerAtLimit):
        changes.change(line, wish(big), at=LATER, by="alice")
    assert ContractLine.objects.get().plan == line.plan
    Organisation.objects.filter(pk=tree.reseller.pk).update(credit_limit_minor=4000)
    assert changes.change(line, wish(big), at=LATER, by="alice").state == "applied"


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_is_told_that_the_other_was_first() -> None:
    line, big = resizable(a_tree())
    seen, start, refused = changes.seen_of(line), threading.Barrier(2), []

    def change(quantity: str) -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                asked = wish(big, f"K-{quantity}", quantity, seen)
                changes.change(line, asked, at=LATER, by="alice")
            except changes.ChangedMeanwhile:
                refused.append(quantity)
            finally:
                connection.close()

    threads = [threading.Thread(target=change, args=(number,)) for number in ("2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    made = LineChange.objects.get()
    assert {f"{made.to_quantity.normalize():f}", *refused} == {"2", "3"}
    assert len(refused) == 1
