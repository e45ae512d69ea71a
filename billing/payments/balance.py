"""What an organisation owes and has left, in each currency."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from billing.invoicing.models import Invoice
from billing.invoicing.states import Kind, State
from billing.payments.models import Fee, Receipt
from erp.customers.models import Organisation


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one currency, in minor units."""

    currency: str
    open_minor: int = 0
    overdue_minor: int = 0
    fees_minor: int = 0
    credit_minor: int = 0

    @property
    def balance_minor(self) -> int:
        """Return what is owed after all credit; below zero nothing is owed."""
        return self.open_minor + self.fees_minor - self.credit_minor


def balances(organisation: Organisation, *, on: date) -> list[Balance]:
    """Return a balance per currency that was ever billed or paid; three statements."""
    found: dict[str, dict[str, int]] = {organisation.currency: {}}
    left = F("total_minor") - F("paid_minor") - F("credited_minor")
    issued = {"kind": Kind.INVOICE, "state": State.ISSUED}
    sums: dict[QuerySet[Any], dict[str, Sum]] = {
        Invoice.objects.filter(**issued): {
            "open_minor": Sum(left),
            "overdue_minor": Sum(left, filter=Q(due_on__lt=on)),
        },
        Fee.objects.all(): {
            "fees_minor": Sum(F("minor") - F("paid_minor") - F("waived_minor")),
        },
        Receipt.objects.all(): {
            "credit_minor": Sum(F("amount_minor") - F("allocated_minor") - F("paid_out_minor")),
        },
    }
    for rows, amounts in sums.items():
        mine = rows.filter(organisation=organisation).order_by("currency").values("currency")
        for one in mine.annotate(**amounts):
            known = found.setdefault(one.pop("currency"), {})
            known |= {name: minor or 0 for name, minor in one.items()}
    return [Balance(currency, **facts) for currency, facts in sorted(found.items())]
