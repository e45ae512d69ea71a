"""Late invoices with what was done about them, as the plan asks for them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.dunning.models import Action, DunningAct, DunningHold, DunningStep
from billing.dunning.plan import Hold, Late, Step, forecast
from billing.invoicing.models import Invoice
from billing.invoicing.states import State
from erp.customers.models import Organisation
from erp.tickets.states import State as Talk

# Late invoices that a preview looks at, the longest overdue first.
MOST_LATE = 2000


def steps_of(issuer: Organisation) -> list[Step]:
    """Return the policy of a seller in its order; empty when there is none."""
    rows = DunningStep.objects.filter(organisation=issuer).order_by("position")
    return [Step(one.position, one.days, one.action) for one in rows]


def issuers() -> QuerySet[Organisation]:
    """Return the sellers that have a policy."""
    has = DunningStep.objects.filter(organisation=OuterRef("pk"))
    return Organisation.objects.filter(Exists(has)).order_by("pk")


def open_invoices(issuer: Organisation, on: date) -> QuerySet[Invoice]:
    """Return what is issued, not paid, and due before a day, the longest overdue first."""
    found = Invoice.objects.filter(issuer=issuer, state=State.ISSUED, due_on__lt=on)
    related = found.select_related("organisation", "contract", "issuer")
    return related.prefetch_related("dunning_acts").order_by("due_on", "pk")


def in_reach(issuer: Organisation, steps: Sequence[Step], on: date) -> QuerySet[Invoice]:
    """Return the late invoices that have a step left and are late enough for the first one."""
    late_by = on - timedelta(days=min(one.days for one in steps) - 1)
    last = DunningAct.objects.filter(invoice=OuterRef("pk"), position__gte=steps[-1].position)
    return open_invoices(issuer, late_by).exclude(Exists(last))


def standing_holds(issuer: Organisation) -> QuerySet[DunningHold]:
    """Return what holds, unless its conversation was closed; newest first."""
    found = DunningHold.objects.filter(issuer=issuer, ended_at=None)
    alive = Q(ticket=None) | ~Q(ticket__state=Talk.CLOSED)
    return found.filter(alive).select_related("organisation", "invoice", "ticket")


def late(invoices: Iterable[Invoice], holds: Sequence[DunningHold]) -> list[Late]:
    """Return invoices as the plan asks for them."""
    of_customer: dict[int, list[Hold]] = defaultdict(list)
    of_invoice: dict[int, list[Hold]] = defaultdict(list)
    for one in holds:
        if one.invoice_id:
            of_invoice[one.invoice_id].append(Hold(one.until_on))
        else:
            of_customer[one.organisation_id].append(Hold(one.until_on))
    return [
        Late(
            invoice=one.pk,
            due_on=one.due_on,
            done={act.position: act.done_on for act in one.dunning_acts.all()},
            holds=(*of_invoice[one.pk], *of_customer[one.organisation_id]),
        )
        for one in invoices
        if one.due_on is not None
    ]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would happen to whom on which day if nobody paid."""

    on: date
    invoice: Invoice
    step: Step

    @property
    def action(self) -> str:
        """Return what the step does, in words."""
        return Action(self.step.action).label


def foreseen(issuer: Organisation, first: date, last: date) -> list[Foreseen]:
    """Return who would get what from one day to another: nothing is done or sent."""
    invoices = {one.pk: one for one in open_invoices(issuer, last)[:MOST_LATE]}
    facts = late(invoices.values(), list(standing_holds(issuer)))
    found = forecast(facts, steps_of(issuer), first, last)
    return [Foreseen(on, invoices[pk], step) for on, pk, step in found]


def acts_of(issuer: Organisation) -> QuerySet[DunningAct]:
    """Return what was done, newest first."""
    found = DunningAct.objects.filter(issuer=issuer)
    return found.select_related("organisation", "invoice", "contract").order_by("-pk")


def to_lift() -> QuerySet[DunningAct]:
    """Return what stopped a service for an invoice that is no longer open."""
    standing = DunningAct.objects.filter(suspended_at__isnull=False, lifted_at=None)
    return standing.exclude(invoice__state=State.ISSUED).order_by("pk")
