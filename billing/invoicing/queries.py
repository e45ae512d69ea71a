"""Which invoices a reader sees, and what one of their lines rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Min, Q, QuerySet, Sum

from billing.documents.rollup import MOST_ON_THE_PAGE
from billing.invoicing.changes import Billed, Change, changes
from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import State
from billing.rating import services as rating
from billing.rating.queries import window_of
from billing.rating.tariffs import Charge
from erp.base.errors import DomainError
from erp.base.periods import Period
from erp.base.tenancy import AnyUser
from erp.catalogue.models import PriceKind
from erp.contracts.models import Contract
from erp.customers.access import memberships_of
from erp.customers.states import Right
from erp.ports import SampleView, usage_source

MOST_SAMPLES = 200
_CHARGES = {PriceKind.RECURRING.value: "Base prices", PriceKind.SETUP.value: "Set-ups"}


def visible(user: AnyUser) -> QuerySet[Invoice]:
    """Return the invoices that the user may know of: a draft only who bills for its issuer."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        rights, path = member.rights, member.organisation.path
        if Right.SEE_INVOICES in rights:
            seen |= Q(organisation__path__startswith=path) & ~Q(number="")
        if Right.RUN_BILLING in rights:
            seen |= Q(issuer__path__startswith=path)
    return Invoice.objects.filter(seen).select_related(
        "organisation", "issuer", "contract", "corrects", "replaces"
    )


def listed(user: AnyUser, *, state: str = "", text: str = "") -> QuerySet[Invoice]:
    """Return the invoices that the user sees, newest first, of one state or holding a text."""
    found = visible(user)
    if state in State.values:
        found = found.filter(state=state)
    if text:
        found = found.filter(
            Q(number__istartswith=text)
            | Q(reference__istartswith=text)
            | Q(organisation__name__icontains=text)
        )
    return found.order_by("-pk")


@dataclass(frozen=True, slots=True)
class ChargeSum:
    """All lines of one kind, meter and unit of a long invoice."""

    description: str
    lines: int
    quantity: Decimal
    unit: str
    net_minor: int


def lines_or_charges(invoice: Invoice) -> tuple[list[InvoiceLine], list[ChargeSum]]:
    """Return the lines of an invoice; of a long one, what they add up to instead."""
    lines = list(invoice.lines.all()[: MOST_ON_THE_PAGE + 1])
    if len(lines) <= MOST_ON_THE_PAGE:
        return lines, []
    groups = invoice.lines.order_by().values_list("rated_line__kind", "rated_line__meter", "unit")
    sums = groups.annotate(
        first=Min("position"), count=Count("pk"), sum=Sum("quantity"), net=Sum("net_minor")
    )
    return [], [
        ChargeSum(_CHARGES.get(kind) or meter.replace("_", " "), count, quantity, unit, net)
        for kind, meter, unit, _, count, quantity, net in sums.order_by("first")
    ]


def before(user: AnyUser, invoice: Invoice) -> Invoice | None:
    """Return the issued invoice of the same contract that stands before this one, if it is seen."""
    earlier = visible(user).filter(contract=invoice.contract_id, kind=invoice.kind)
    earlier = earlier.exclude(number="").filter(period_start_at__lt=invoice.period_start_at)
    return earlier.order_by("-period_start_at").first()


def changed(invoice: Invoice, since: Invoice) -> list[Change]:
    """Return why an invoice is not what the one before it was."""
    return changes(_compared(since), _compared(invoice), currency=invoice.currency)


def _compared(invoice: Invoice) -> list[Billed]:
    """Return the lines to compare; what corrects an invoice is compared with nothing."""
    return [
        Billed(
            (
                one.rated_line.line_id,
                one.rated_line.kind,
                one.rated_line.meter,
                one.rated_line.part,
                one.corrects_number,
            ),
            one.description,
            one.quantity,
            one.unit_price,
            one.net_minor,
        )
        for one in invoice.lines.select_related("rated_line")
    ]


def samples_of(line: InvoiceLine) -> Sequence[SampleView]:
    """Return the newest samples behind a metered line, as its rating run saw them."""
    rated = line.rated_line
    if not rated.meter:
        return []
    return usage_source().samples(
        line=rated.line_id,
        meter=rated.meter,
        period=rated.window,
        stored_before=rated.run.cut_off_at,
        limit=MOST_SAMPLES,
    )


@dataclass(frozen=True, slots=True)
class CostSoFar:
    """What the contract would be billed now, without tax; or why nobody can tell yet."""

    period: Period | None
    charges: tuple[Charge, ...]
    total_minor: int
    reason: str = ""


def cost_so_far(contract: Contract, *, at: datetime) -> CostSoFar:
    """Price what is not billed yet with the engine that will bill it."""
    period = window_of(contract, at)
    if period is None:
        return CostSoFar(None, (), 0, "Everything is billed.")
    try:
        charges = rating.price(contract, window=period, cut_off=at)
    except DomainError as error:
        return CostSoFar(period, (), 0, str(error))
    return CostSoFar(period, tuple(charges), sum(one.minor for one in charges))
