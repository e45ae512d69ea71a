"""A seller that debits, and customers who signed."""

from datetime import date, datetime

from billing.invoicing.models import Invoice
from billing.sepa import debits, services
from billing.sepa.debits import Wish
from billing.sepa.models import Debit, Mandate, SepaRun
from billing.sepa.services import Signature
from erp.customers.models import Organisation
from tests.billing.builders import OPENED, FakeUsage, a_provider, at
from tests.billing.payments.owed import owed

IBAN = "FR7630006000011234567890189"
THEIRS = "DE89370400440532013000"
# What is issued on 1 December is due on the 31st; banks work on it.
DUE = date(2026, 12, 31)
ON_THE_DAY = at("2026-12-31T05:00")


def a_seller() -> Organisation:
    seller = a_provider(iban=IBAN)
    services.set_creditor(
        seller, "FR72ZZZ123456", notice_days=14, return_fee_minor=750, at=OPENED, by="anna"
    )
    return seller


def signed(debtor: Organisation, **facts: object) -> Mandate:
    """Return a mandate of 1 November."""
    usual: dict[str, object] = {
        "holder": debtor.name, "iban": THEIRS, "bic": "", "signed_on": date(2026, 11, 1),
    }  # fmt: skip
    assert debtor.parent is not None
    signature = Signature(**usual | facts)  # type: ignore[arg-type]
    return services.sign(debtor, debtor.parent, signature, at=OPENED, by="bob")


def to_collect(usage: FakeUsage, count: int = 1) -> list[Invoice]:
    """Return open invoices of one customer with a mandate."""
    a_seller()
    invoices = owed(usage, count)
    signed(invoices[0].organisation)
    return invoices


def prepared(seller: Organisation, key: str = "K-1", on: date = DUE) -> SepaRun:
    return debits.prepare(seller, Wish(key, on, "CORE"), at=OPENED, by="anna")


def settled(run: SepaRun, when: datetime = ON_THE_DAY) -> list[Debit]:
    for debit in run.debits.all():
        debits.settle(debit, at=when)
    return list(run.debits.order_by("pk"))
