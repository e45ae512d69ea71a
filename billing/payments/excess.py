"""What was paid of an invoice beyond what is owed of it since it was credited: free it.

The money becomes the payer's credit. Where the invoice was issued anew, it pays what replaces it.
"""

from datetime import datetime

from django.db import transaction

from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from billing.ledger import services as ledger
from billing.payments import credit, queries
from billing.payments.models import PaymentAllocation, Receipt
from billing.payments.services import locked, settle

BY = "payments"


@transaction.atomic
def free(invoice: Invoice, *, at: datetime) -> int:
    """Free what is paid in excess, the newest payment first; return how much it was.

    Running it again changes nothing. What was written off is no money, and stays.
    """
    anew = Invoice.objects.filter(replaces=invoice).values_list("pk", flat=True).first()
    keys = [invoice.pk] if anew is None else [invoice.pk, anew]
    row = next(one for one in locked(dict.fromkeys(keys, 0)) if one.pk == invoice.pk)
    standing = queries.money_on(row).order_by("-pk")
    # All locks before the first turn of the books: who pays with one of them waits here.
    receipts = Receipt.objects.filter(pk__in=standing.values("receipt"))
    list(receipts.select_for_update().order_by("pk").values_list("pk"))
    ledger.take_turn(row.issuer)
    excess = row.paid_minor + row.credited_minor - row.total_minor
    freed = 0
    for made in standing:
        if freed >= excess:
            break
        part = min(made.minor, excess - freed)
        _free(made, row, part, at=at)
        if anew is not None:
            _pay_anew(made, anew, part, at=at)
        freed += part
    row.refresh_from_db()
    if freed and row.state == State.ISSUED and not row.open_minor:
        settle(row, why="credited", at=at, by=BY)
    return freed


def _free(made: PaymentAllocation, row: Invoice, part: int, *, at: datetime) -> None:
    """Take a payment off, and put back what of it is still owed."""
    credit.undo(made, at=at, by=BY, why=f"{row.number} is credited")
    if made.minor > part:
        credit.keep_on(made.receipt, row, made.minor - part, at=at, by=BY)


def _pay_anew(made: PaymentAllocation, anew: int, part: int, *, at: datetime) -> None:
    row = Invoice.objects.get(pk=anew)
    if row.open_minor > 0:
        credit.keep_on(made.receipt, row, min(part, row.open_minor), at=at, by=BY)
