"""Invoices of 36.00 (30.00 and 20 % tax) that tests of payments start from."""

from collections.abc import Callable

from billing.invoicing import services as invoicing
from billing.invoicing.models import Invoice
from erp.customers.models import Organisation
from tests.billing.builders import NOVEMBER, OPENED, FakeUsage, a_contract, a_customer, a_run

TOTAL = 3600


def owed(usage: FakeUsage, count: int = 1, *, buyer: Organisation | None = None) -> list[Invoice]:
    """Return issued invoices of one customer, oldest first."""
    buyer = buyer or a_customer()
    for line in [a_contract(buyer) for _ in range(count)]:
        usage.exists(line, NOVEMBER.start, NOVEMBER.end)
    a_run(issuer=buyer.parent)
    drafts = Invoice.objects.filter(organisation=buyer, state="draft").order_by("pk")
    return [invoicing.issue(one, at=OPENED, by="anna") for one in drafts]


def state_of(invoice: Invoice) -> tuple[str, int]:
    """Return state and what is paid, as stored."""
    return Invoice.objects.values_list("state", "paid_minor").get(pk=invoice.pk)


Call = Callable[[], object]
