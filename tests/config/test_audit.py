"""The audit names each law that is broken on purpose, and nothing where all hold.

The owner role breaks what the database would refuse: triggers off, constraints dropped. All of it,
the world included, is one transaction of the owner, which is rolled back.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connections

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.ledger.closing import anchor
from billing.payments.services import Money, record_payment
from config.audit import violations
from erp.contracts import services as contracts
from erp.contracts.models import ContractLine
from erp.tickets.services import open_ticket
from orchestration.instances.models import Instance
from orchestration.nodes.models import NodeLease
from tests.billing import builders as billing
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, at
from tests.orchestration.builders import a_node, a_release

pytestmark = pytest.mark.django_db(databases=["default", "owner"])
PRICES = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname ~ '^(erp|billing|orchestration)_'
"""


class Owner:
    """Sends every query to the owner's connection."""

    def db_for_read(self, model: object, **_: object) -> str:
        return "owner"

    def db_for_write(self, model: object, **_: object) -> str:
        return "owner"


@pytest.fixture(autouse=True)
def _world(usage: FakeUsage, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two contracts of one customer: billed, issued, one of them paid; one runs on a node."""
    settings.DATABASE_ROUTERS = [Owner()]
    for module in (
        "erp.audit",
        "billing.audit",
        "orchestration.audit",
        "billing.ledger.services",
        "billing.invoicing.issuing",
    ):
        monkeypatch.setattr(f"{module}.connection", connections["owner"])
    buyer = billing.a_customer()
    for number in range(2):
        line = billing.a_contract(buyer, prices=PRICES)
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
        usage.sample(line, f"{50 + number}", ends_at=at("2026-11-20"))
    billing.a_run()
    drafts = Invoice.objects.order_by("pk")
    paid, issued = [invoicing.issue(draft, at=OPENED, by="anna") for draft in drafts]
    record_payment(paid, Money("K-0", paid.total_minor, OPENED.date()), at=OPENED, by="anna")
    record_payment(issued, Money("K-1", 1000, OPENED.date()), at=OPENED, by="anna")
    anchor(billing.a_provider(), at=OPENED, why="a test")
    open_ticket(buyer, subject="Help", body="Help.", at=OPENED, by="bob")
    contracts.suspend(line.contract, at=OPENED, by="bob", why="pause")
    _run(line)


def _run(line: ContractLine) -> None:
    node = a_node()
    a_node("node-2")
    Instance.objects.create(
        organisation=line.organisation, line=line, release=a_release(), secrets_sealed="",
        requested_state="started", state="started", state_since=OPENED - timedelta(days=1000),
        created_at=OPENED, node=node, partition=node.partitions.first(), observed_generation=1,
    )  # fmt: skip
    NodeLease.objects.create(organisation=node.organisation, node=node)


def _broken() -> Iterator[tuple[str, list[str]]]:
    return ((name.split()[0], found) for name, found in violations().items() if found)


def test_all_laws_hold_in_an_ordinary_world() -> None:
    assert dict(_broken()) == {}
    assert [int(name.split()[0][1:]) for name in violations()] == sorted(
        int(name.split()[0][1:]) for name in violations()
    )
    assert {name.split()[0] for name in violations()} == {f"L{number}" for number in range(1, 19)}


FIRST = "id = (SELECT min(id) FROM {0})"
OTHER = "(SELECT id FROM erp_organisation WHERE kind = 'provider')"


def _first(table: str, change: str) -> str:
    return f"UPDATE {table} SET {change} WHERE {FIRST.format(table)}"


BREAKS = [
    ("L1", _first("billing_posting", "minor = minor + 1"), "sums to 1"),
    ("L1", _first("billing_entry", "description = 'other'"), "breaks the chain of its books"),
    ("L2", _first("billing_invoiceline", "net_minor = net_minor + 1"), "is not the sum"),
    ("L3", _first("billing_invoice", "net_minor = net_minor + 1, total_minor = total_minor + 1"),
     "owes"),
    ("L4", "DELETE FROM billing_billedwindow WHERE kind = 'metered'", "not marked as billed"),
    ("L4", "UPDATE billing_billedwindow SET kind = 'recurring', meter = ''", "is billed twice"),
    ("L4", "INSERT INTO orchestration_usagesum SELECT 1, hours, '2026-11-24', 'cpu_seconds', 's',"
     " 1, 1, '', now(), now(), now(), 1 FROM (VALUES (1), (24)) AS width(hours)",
     "sums up to 1.000000000, its samples to 0"),
    ("L4", "INSERT INTO orchestration_usagesum SELECT 1, 24, '2026-01-01', 'cpu_seconds', 's',"
     " 1, 1, '', now(), now(), now(), 1", "sums up to 1.000000000, its hours to 0"),
    ("L5", "UPDATE billing_invoice SET sequence = 3 WHERE sequence = 2", "does not follow"),
    ("L5", "UPDATE billing_invoice SET issued_on = '2027-01-01' WHERE sequence = 1",
     "does not follow"),
    ("L5", "UPDATE billing_invoice SET hash = 'x' WHERE sequence = 1", "breaks the chain"),
    ("L6", "UPDATE billing_invoice SET contract_id = (SELECT min(id) FROM erp_contract)",
     "has 2 invoices"),
    ("L7", _first("billing_document", "snapshot = snapshot || '{\"number\": \"other\"}'"),
     "is not what was stored"),
    ("L8", "UPDATE orchestration_instance SET node_id = (SELECT max(id) FROM"
     " orchestration_computenode)", "is on another node"),
    ("L8", "UPDATE orchestration_computepartition SET port_first = 21005 WHERE port_first = 21010",
     "shares ports"),
    ("L8", _first("orchestration_noderoom", "free_partitions = 7"), "is not counted right"),
    ("L9", "UPDATE orchestration_instance SET requested_state = 'stopped', state_since ="
     " '2020-01-01'", "runs though it should be stopped"),
    ("L9", "UPDATE orchestration_instance SET state = 'failed', state_since = '2020-01-01'",
     "is failed though it should run, and nobody is told"),
    ("L10", "UPDATE billing_entry SET key = 'x' WHERE key LIKE 'payment:%'", "has no entry"),
    ("L10", "UPDATE billing_receipt SET allocated_minor = 1", "its allocations differ"),
    ("L10", "UPDATE billing_invoice SET paid_minor = 1 WHERE paid_minor > 0",
     "payments of it differ"),
    ("L10", "UPDATE billing_receipt SET paid_out_minor = 1", "its payouts differ"),
    ("L18", _first("billing_receipt", "allocated_minor = allocated_minor - 1"), "keeps 1"),
    ("L11", "UPDATE orchestration_nodelease SET until = '2020-01-01'", "ended long ago"),
    ("L12", _first("erp_journalline", "why = 'other'"), "is broken at position 1"),
    ("L12", "DELETE FROM erp_journalline WHERE position = 1", "is broken at position 2"),
    ("L13", _first("erp_contractline", f"organisation_id = {OTHER}"), "line of C-"),
    ("L13", _first("erp_lineprice", f"organisation_id = {OTHER}"), "price of line"),
    ("L13", _first("erp_message", f"organisation_id = {OTHER}"), "message of T-"),
    ("L13", "UPDATE erp_organisation SET path = 'x/' WHERE kind = 'customer'", "organisation O-"),
    ("L13", _first("billing_invoice", f"organisation_id = {OTHER}"), "invoice V-"),
    ("L13", _first("billing_invoiceline", f"organisation_id = {OTHER}"), "line of invoice V-"),
    ("L13", _first("billing_ratedline", f"organisation_id = {OTHER}"), "rated line of run G-"),
    ("L13", _first("billing_document", f"organisation_id = {OTHER}"), "document of invoice V-"),
    ("L13", _first("billing_posting", "organisation_id = (SELECT id FROM erp_organisation"
     " WHERE kind = 'customer')"), "posting of E-"),
    ("L13", _first("billing_paymentallocation", f"organisation_id = {OTHER}"), "payment of V-"),
    ("L13", _first("orchestration_instance", f"organisation_id = {OTHER}"), "instance I-"),
    ("L14", "UPDATE erp_journalline SET event = 'draft' WHERE event = 'suspended'",
     "moved from active to draft"),
    ("L15", "DELETE FROM billing_posting WHERE entry_id = (SELECT max(id) FROM billing_entry);"
     " DELETE FROM billing_entry WHERE id = (SELECT max(id) FROM billing_entry)",
     "had 4 entries and end at 3"),
    ("L15", "UPDATE billing_anchor SET hash = 'x'", "is not what was anchored"),
    ("L15", "UPDATE erp_journalline SET details = '{\"position\": 9, \"hash\": \"x\"}'"
     " WHERE event = 'books_anchored'", "entry 9 of O-"),
    ("L15", "UPDATE billing_entry SET number = 7 WHERE position = 1", "breaks the numbers"),
    ("L16", "UPDATE billing_account SET part = 'deferred' WHERE part = 'bank'", "is deferred"),
    ("L17", "UPDATE billing_posting SET minor = minor + 1 WHERE lettering_id IS NOT NULL"
     " AND minor > 0", "does not settle"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "statement", "words"), BREAKS)
def test_the_audit_names_what_is_broken(law: str, statement: str, words: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        _drop_constraints(statement.split()[1 if statement.startswith("UPDATE") else 2])
        cursor.execute(statement)
        assert cursor.rowcount > 0, "the break changed nothing"

    found = dict(_broken())

    assert words in "; ".join(found[law])


def _drop_constraints(table: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype IN ('c', 'x', 'u')",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
        cursor.execute(
            "SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = %s::regclass"
            " AND i.indisunique AND NOT i.indisprimary",
            [table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {name}")
