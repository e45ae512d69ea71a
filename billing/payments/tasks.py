"""Free what was paid in excess, and forfeit credit that expired: sweeps, each by its own task."""

from typing import Any

from celery import shared_task

from billing.invoicing.models import Invoice
from billing.payments import excess, prepaid, queries
from billing.payments.models import Receipt
from erp.base.doors import now

BATCH = 500


@shared_task(ignore_result=True)
def sweep_excess(**_: Any) -> None:
    """Hand every invoice that is paid beyond what is owed to its own task."""
    for pk in queries.in_excess().values_list("pk", flat=True)[:BATCH]:
        free_excess.delay(invoice=pk)


@shared_task(ignore_result=True, acks_late=True)
def free_excess(*, invoice: int, **_: Any) -> None:
    """Free the excess of one invoice; running it twice frees it once."""
    found = Invoice.objects.filter(pk=invoice).first()
    if found:
        excess.free(found, at=now())


@shared_task(ignore_result=True)
def sweep_expired_credit(**_: Any) -> None:
    """Hand every prepaid credit that has expired to its own task."""
    for pk in prepaid.expired(now()).values_list("pk", flat=True)[:BATCH]:
        forfeit_credit.delay(receipt=pk)


@shared_task(ignore_result=True, acks_late=True)
def forfeit_credit(*, receipt: int, **_: Any) -> None:
    """Forfeit what is left of one expired credit; running it twice forfeits it once."""
    found = Receipt.objects.filter(pk=receipt).first()
    if found:
        prepaid.forfeit(found, at=now())
