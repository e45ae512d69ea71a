"""States move along arrows, one mover at a time, each with a line in an unbreakable journal."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from erp.audit import journal_is_chained
from erp.base import scope
from erp.base.journal import JournalLine, record
from erp.base.lifecycle import IllegalMove, StaleState
from erp.contracts import services
from erp.contracts.models import Contract
from erp.contracts.states import State
from tests.erp.builders import NOON, Tree, a_contract, a_plan, a_price_list


def a_service(tree: Tree) -> Contract:
    plan = a_plan(tree.provider)
    a_price_list(tree.reseller, plan)
    return a_contract(tree.customer, plan)


def test_the_slower_of_two_movers_loses(tree: Tree) -> None:
    contract = a_service(tree)
    services.suspend(Contract.objects.get(), at=NOON, by="bob", why="unpaid")
    before = JournalLine.objects.count()

    with pytest.raises(StaleState):
        services.suspend(contract, at=NOON, by="alice", why="unpaid")

    assert JournalLine.objects.count() == before
    assert contract.state == State.ACTIVE


def test_there_is_no_way_back_from_the_end(tree: Tree) -> None:
    contract = a_service(tree)
    services.end(contract, at=NOON + timedelta(days=1), by="alice", why="moved")

    with pytest.raises(IllegalMove, match="is ended and cannot become active"):
        services.resume(contract, at=NOON, by="alice")


@pytest.mark.parametrize(
    "verb", ["UPDATE erp_journalline SET why = 'forged'", "DELETE FROM erp_journalline"]
)
def test_the_journal_refuses_change(tree: Tree, verb: str) -> None:
    count = JournalLine.objects.count()

    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb)

    assert JournalLine.objects.count() == count
    assert not JournalLine.objects.filter(why="forged").exists()


def test_each_organisation_has_a_chain_of_its_own(tree: Tree) -> None:
    for organisation in (tree.customer, tree.sibling, tree.customer):
        record(organisation, "seen", at=NOON, by="test")

    lines = JournalLine.objects.filter(organisation=tree.customer).order_by("position")
    assert [one.position for one in lines] == [1, 2, 3]
    hashes = [one.hash for one in lines]
    assert [one.previous_hash for one in lines] == ["", *hashes[:-1]]
    assert journal_is_chained() == []


def test_raw_sql_sees_nothing_of_others(tree: Tree) -> None:
    a_service(tree)
    tables = ("erp_contract", "erp_order", "erp_contractline", "erp_lineprice", "erp_member")

    def rows(table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            return int(cursor.fetchone()[0])

    with scope.organisations([tree.sibling.pk]):
        assert [rows(table) for table in tables] == [0] * 5
        with connection.cursor() as cursor:
            cursor.execute("UPDATE erp_contract SET name = 'mine'")
            assert cursor.rowcount == 0
    with scope._as(scope.NOTHING):
        assert [rows(table) for table in (*tables, "erp_organisation")] == [0] * 6
    assert [rows(table) for table in tables[:4]] == [1, 1, 1, 2]
    assert Contract.objects.get().name == "Our site"
