"""The odd drafts of a run are marked, and nothing else is."""

import pytest

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.runs.models import BillingRun
from billing.runs.queries import items_of
from billing.runs.review import marks_of
from erp.base.periods import Period
from erp.contracts.models import ContractLine
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_customer, a_run, at

pytestmark = pytest.mark.django_db
DECEMBER = Period(at("2026-12-01"), at("2027-01-01"))
JANUARY_1 = at("2027-01-01T06:00")
METERED = (("metered", "cpu_hours", "1", "0"),)


def marks(run: BillingRun) -> dict[str, list[str]]:
    found = {one.organisation.name: marks_of(one) for one in items_of(run)}
    odd = {one.organisation.name for one in items_of(run, odd=True)}
    assert odd == {name for name, words in found.items() if words}
    return found


def uses(usage: FakeUsage, line: ContractLine, november: str, december: str) -> None:
    usage.exists(line, NOVEMBER.start, DECEMBER.end)
    usage.sample(line, november, ends_at=at("2026-11-20"))
    usage.sample(line, december, ends_at=at("2026-12-20"))


def test_first_invoices_changes_zeros_and_what_is_parked_are_marked(usage: FakeUsage) -> None:
    for name, november, december in (
        ("steady", "10", "14"),
        ("more", "10", "16"),
        ("less", "10", "4"),
        ("none", "10", "0"),
    ):
        uses(usage, a_contract(a_customer(name), prices=METERED), november, december)
    assert set(map(tuple, marks(a_run(NOVEMBER)).values())) == {("first invoice",)}
    for invoice in Invoice.objects.all():
        invoicing.issue(invoice, at=OPENED, by="anna")
    silent = a_contract(a_customer("silent"), prices=METERED)
    usage.exists(silent, DECEMBER.start, DECEMBER.end)
    assert marks(a_run(DECEMBER, opened_at=JANUARY_1)) == {
        "steady": [],
        "more": ["changed by +60 %"],
        "less": ["changed by -60 %"],
        "none": ["changed by -100 %", "zero"],
        "silent": ["parked"],
    }


def test_a_buyer_abroad_without_a_number_is_marked(usage: FakeUsage) -> None:
    for name, country in (("Berlin", "DE"), ("Bern", "CH")):
        line = a_contract(a_customer(name, country=country))
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    assert marks(a_run(NOVEMBER)) == {
        "Berlin": ["first invoice", "abroad without a VAT number"],
        "Bern": ["first invoice"],
    }
