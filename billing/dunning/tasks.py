"""Take the steps that are due and lift what was paid: found by sweeps, each by its own task."""

from itertools import islice
from typing import Any

from celery import shared_task

from billing.dunning import queries, services
from billing.dunning.models import DunningAct
from billing.dunning.plan import due
from billing.invoicing.models import Invoice
from billing.ledger.services import day_in
from erp.base.doors import now

BATCH = 500


@shared_task(ignore_result=True)
def sweep_dunning(**_: Any) -> None:
    """Hand every late invoice with a step that is due to its own task."""
    at = now()
    for issuer in queries.issuers():
        on = day_in(issuer, at)
        steps = queries.steps_of(issuer)
        holds = list(queries.standing_holds(issuer))
        found = queries.in_reach(issuer, steps, on).iterator(chunk_size=BATCH)
        late = (one for invoice in found for one in queries.late([invoice], holds))
        ready = (one for one in late if due(one, steps, on))
        for one in islice(ready, BATCH):
            take_step.delay(invoice=one.invoice)


@shared_task(ignore_result=True, acks_late=True)
def take_step(*, invoice: int, **_: Any) -> None:
    """Take the step that is due about one invoice; running it twice takes it once."""
    found = Invoice.objects.filter(pk=invoice).first()
    if found:
        services.take_step(found, at=now())


@shared_task(ignore_result=True)
def sweep_lifts(**_: Any) -> None:
    """Hand every suspension whose invoice is settled to its own task."""
    for pk in queries.to_lift().values_list("pk", flat=True)[:BATCH]:
        lift.delay(act=pk)


@shared_task(ignore_result=True, acks_late=True)
def lift(*, act: int, **_: Any) -> None:
    """Let one service run again; running it twice changes nothing."""
    found = DunningAct.objects.filter(pk=act).first()
    if found:
        services.lift(found, at=now())
