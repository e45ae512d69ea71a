"""Samples may be dropped only when no bill and no correction reads them again."""

import pytest

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.rating.source import ALL, BilledUsage
from erp.contracts.models import Contract
from tests.billing import builders as billing
from tests.billing.builders import NOVEMBER, FakeUsage, at

pytestmark = pytest.mark.django_db
METERED = (("recurring", "", "30", "0"), ("metered", "cpu_hours", "0.05", "10"))


def test_nothing_is_settled_while_it_may_be_billed_or_corrected(
    usage: FakeUsage, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = billing.a_contract(billing.a_customer(), prices=METERED)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "50", ends_at=at("2026-11-20"))
    source = BilledUsage()
    assert source.settled(lines=[line.pk]) == {}
    billing.a_run()
    assert source.settled(lines=[line.pk]) == {}
    invoicing.issue(Invoice.objects.get(), at=billing.OPENED, by="anna")
    assert source.settled(lines=[line.pk]) == {}
    # One window back is looked at: what came before it is done with.
    monkeypatch.setattr("billing.rating.source.WINDOWS_BACK", 1)
    assert source.settled(lines=[line.pk]) == {line.pk: line.contract.starts_at}


def test_a_contract_that_ended_and_was_billed_to_its_end_is_settled(usage: FakeUsage) -> None:
    line = billing.a_contract(billing.a_customer(), prices=METERED)
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    usage.sample(line, "50", ends_at=at("2026-11-20"))
    billing.a_run()
    invoicing.issue(Invoice.objects.get(), at=billing.OPENED, by="anna")
    Contract.objects.update(ends_at=NOVEMBER.end)
    assert BilledUsage().settled(lines=[line.pk]) == {line.pk: ALL}


def test_a_line_without_a_metered_price_is_settled_and_an_unknown_one_never(
    usage: FakeUsage,
) -> None:
    line = billing.a_contract(billing.a_customer(), prices=METERED[:1])
    assert BilledUsage().settled(lines=[line.pk, line.pk + 1]) == {line.pk: ALL}
