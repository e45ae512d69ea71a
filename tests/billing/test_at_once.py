"""Two at once about the same money: one wins, the other is told so, and nothing is a fault."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.payments.models import Receipt
from billing.payments.services import Money, record_payment
from billing.runs.models import RunItem
from billing.runs.services import retry
from config.audit import violations
from erp.base import scope
from erp.base.errors import DomainError
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_customer, a_run

pytestmark = pytest.mark.django_db(transaction=True)


def _at_once(*calls: Callable[[], object]) -> list[str]:
    """Start all calls together; return what became of each: the name of its error or "done"."""
    start, results = threading.Barrier(len(calls)), []

    def run(call: Callable[[], object]) -> None:
        with scope.everything("a test"):
            start.wait()
            try:
                call()
                results.append("done")
            except DomainError as error:
                results.append(error.code)
            except Exception as error:
                results.append(f"fault: {type(error).__name__}")
            finally:
                connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results)


@pytest.fixture
def drafts(usage: FakeUsage) -> list[Invoice]:
    """Two of one customer, 36.00 each."""
    buyer = a_customer()
    for line in (a_contract(buyer), a_contract(buyer)):
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run()
    return list(Invoice.objects.order_by("pk"))


def _pay(invoice: Invoice, key: str, minor: int) -> Callable[[], object]:
    money = Money(key, minor, OPENED.date())
    return lambda: record_payment(invoice, money, at=OPENED, by="anna")


def test_one_key_names_one_payment_of_one_invoice(drafts: list[Invoice]) -> None:
    for draft in drafts:
        invoicing.issue(draft, at=OPENED, by="anna")
    first, second = drafts
    calls = [_pay(first, "K", 100), _pay(second, "K", 100), _pay(first, "K", 100)]

    results = set(_at_once(*calls))

    assert results == {"done", "key_reused"}
    assert Receipt.objects.count() == 1


def test_only_one_of_two_payments_pays_the_rest(drafts: list[Invoice]) -> None:
    issued = invoicing.issue(drafts[0], at=OPENED, by="anna")

    assert _at_once(*[_pay(issued, f"K-{n}", 3600) for n in range(2)]) == ["done", "not_open"]

    issued.refresh_from_db()
    assert (issued.state, issued.paid_minor, Receipt.objects.count()) == ("paid", 3600, 1)


def test_a_draft_issued_by_three_has_one_number(drafts: list[Invoice]) -> None:
    calls = [lambda: invoicing.issue(drafts[0], at=OPENED, by="anna")] * 3

    assert _at_once(*calls) == ["done"] * 3

    assert Invoice.objects.exclude(number="").count() == 1
    assert [found for found in violations().values() if found] == []


def test_a_draft_is_issued_or_discarded_and_never_both(drafts: list[Invoice]) -> None:
    results = _at_once(
        lambda: invoicing.issue(drafts[0], at=OPENED, by="anna"),
        lambda: invoicing.discard(drafts[0], at=OPENED, by="bob", why="wrong"),
    )
    assert results in (["done", "illegal_move"], ["done", "stale_state"])


def test_a_parked_contract_looked_at_by_two_is_looked_at_once_more(usage: FakeUsage) -> None:
    line = a_contract(prices=(("metered", "cpu_hours", "1", "0"),))
    usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run()
    parked = RunItem.objects.get()
    assert parked.outcome == "parked"

    calls = [lambda: retry(parked, at=OPENED, by="anna")] * 3

    assert _at_once(*calls) == ["done"] * 3
    assert RunItem.objects.count() == 1
