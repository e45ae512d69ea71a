"""How a customer stands with its seller, in each currency: owed, late, and paid too much."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Q, Sum

from billing.invoicing.models import Invoice
from billing.invoicing.queries import visible
from billing.invoicing.states import Kind, State
from billing.payments.models import Receipt
from erp.base.tenancy import AnyUser
from erp.customers.models import Organisation

MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """Minor units of one currency."""

    currency: str
    owed_minor: int
    late_minor: int
    credit_minor: int


def standing_of(organisation: Organisation, on: date) -> list[Standing]:
    """Return what a customer owes and has in credit, a line per currency."""
    left = F("total_minor") - F("paid_minor") - F("credited_minor")
    owing = Invoice.objects.filter(organisation=organisation, state=State.ISSUED, kind=Kind.INVOICE)
    sums = owing.order_by().values_list("currency")
    owed = {
        currency: (int(left_minor), int(late_minor or 0))
        for currency, left_minor, late_minor in sums.annotate(
            left_minor=Sum(left), late_minor=Sum(left, filter=Q(due_on__lt=on))
        )
    }
    unspent = F("amount_minor") - F("allocated_minor") - F("paid_out_minor")
    receipts = Receipt.objects.filter(organisation=organisation).order_by()
    kept = receipts.values_list("currency").annotate(unspent_minor=Sum(unspent))
    credit = {currency: int(minor) for currency, minor in kept if minor}
    return [
        Standing(currency, *owed.get(currency, (0, 0)), credit.get(currency, 0))
        for currency in sorted(owed.keys() | credit.keys())
    ]


def open_invoices(user: AnyUser, organisation: Organisation) -> Sequence[Invoice]:
    """Return some of the open invoices of a customer that the reader sees, the oldest due first."""
    found = visible(user).filter(organisation=organisation, state=State.ISSUED, kind=Kind.INVOICE)
    return list(found.order_by("due_on", "pk")[:MOST_SHOWN])
