"""Books that reports are made of: two customers, invoices of two months, one paid, one in part."""

from datetime import date

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from billing.ledger.by_hand import Leg, Typed, post_by_hand
from billing.ledger.services import chart_of
from billing.payments.services import Money, record_payment
from erp.base.periods import Period
from erp.customers.models import Organisation
from tests.billing.builders import (
    NOVEMBER,
    OPENED,
    FakeUsage,
    a_contract,
    a_customer,
    a_provider,
    a_run,
    at,
)

OCTOBER = Period(at("2026-10-01"), at("2026-11-01"))
NOVEMBER_OPENED = at("2026-11-02T06:00")
PRICES = (
    ("recurring", "", "30", "0"),
    ("setup", "", "10", "0"),
    ("metered", "cpu_hours", "1", "0"),
)


def some_books(usage: FakeUsage, **provider: str) -> Organisation:
    """Anna owes 48.00 for October (12.00 paid) and 36.00 for November; Ben paid his 60.00."""
    books = a_provider(**provider)
    country = provider.get("country", "FR")
    anna, ben = a_customer("Anna", country=country), a_customer("Ben", country=country)
    first = a_contract(anna, starts_at=OCTOBER.start, prices=PRICES[:2])
    usage.exists(first, OCTOBER.start, NOVEMBER.end)
    _issue(a_run(OCTOBER, opened_at=NOVEMBER_OPENED).reference, at_=NOVEMBER_OPENED)
    second = a_contract(ben, prices=PRICES)
    usage.exists(second, NOVEMBER.start, NOVEMBER.end)
    usage.sample(second, "10", ends_at=at("2026-11-20"))
    _issue(a_run().reference, at_=OPENED)
    october, *_ = of(anna)
    _pay(october, "K-1", 1200)
    _pay(of(ben)[0], "K-2", of(ben)[0].total_minor)
    chart = chart_of(books)
    charges = chart.code_for("bank_charges")
    legs = [Leg(charges, 150), Leg(chart.bank, -150)]
    typed = Typed("K-9", "Charges of November", "EUR", date(2026, 12, 1), legs)
    post_by_hand(books, typed, at=OPENED, by="anna")
    return books


def of(buyer: Organisation) -> list[Invoice]:
    """Return the invoices of a customer, oldest first."""
    return list(Invoice.objects.filter(organisation=buyer).order_by("pk"))


def _issue(run: str, *, at_: object) -> None:
    for draft in Invoice.objects.filter(run_items__run__reference=run, state="draft"):
        invoicing.issue(draft, at=at_, by="anna")  # type: ignore[arg-type]


def _pay(invoice: Invoice, key: str, minor: int) -> None:
    record_payment(invoice, Money(key, minor, OPENED.date()), at=OPENED, by="anna")
