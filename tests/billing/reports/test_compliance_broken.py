"""What the compliance proof names when somebody with the keys of the database changed something."""

from datetime import date

import pytest
from django.conf import LazySettings
from django.db import connections

from billing.invoicing.models import Invoice
from billing.reports.compliance import look
from erp.customers.models import Organisation
from tests.billing.builders import FakeUsage
from tests.billing.reports.books import some_books
from tests.config.test_audit import TABLES, Owner, _drop_constraints

pytestmark = pytest.mark.django_db(databases=["default", "owner"])
BREAKS = [
    ("UPDATE billing_invoice SET due_on = due_on + 9 WHERE number = %s", "invoices",
     "is not what was chained"),
    ("UPDATE billing_invoice SET sequence = 9 WHERE number = %s", "numbers",
     "follows number"),
    ("UPDATE billing_document SET state = 'stored', pdf = 'x', pdf_sha256 = repeat('0', 64)"
     " WHERE title = %s", "documents", "the stored bytes are not what was sent"),
    ("UPDATE billing_entry SET key = 'manual:x' WHERE piece = %s AND key LIKE 'invoice:%%'", "sums",
     "is not booked"),
    ("UPDATE billing_invoice SET tax_minor = tax_minor + 1 WHERE number = %s", "sums", "tax"),
    ("UPDATE billing_entry SET description = 'x' WHERE piece = %s", "ledger",
     "its content or place is not what was hashed"),
]  # fmt: skip


@pytest.fixture
def books(
    usage: FakeUsage, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Organisation:
    """As the owner of the tables, who can break what the application cannot."""
    settings.DATABASE_ROUTERS = [Owner()]
    for module in (
        "billing.reports.sql", "billing.ledger.proof", "billing.ledger.services",
        "billing.invoicing.issuing",
    ):  # fmt: skip
        monkeypatch.setattr(f"{module}.connection", connections["owner"])
    return some_books(usage, legal_id="732 829 320 00074")


@pytest.mark.parametrize(("statement", "check", "words"), BREAKS)
def test_what_was_changed_is_named(
    books: Organisation, statement: str, check: str, words: str
) -> None:
    number = Invoice.objects.order_by("sequence")[1].number
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(TABLES)
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        _drop_constraints(statement.split()[1])
        cursor.execute(statement, [number])
        assert cursor.rowcount > 0, "the break changed nothing"

    proof = look(books, start=date(2026, 11, 1), end=date(2026, 12, 31))

    findings = {one.name: one.findings for one in proof.checks}
    assert any(words in one for one in findings[check]), findings
    assert not proof.holds
