"""Which invoices may owe a service credit, and which credits a reader sees."""

from datetime import datetime

from django.db.models import Q, QuerySet

from billing.invoicing.models import Invoice, InvoiceLine
from billing.invoicing.states import Kind as Document
from billing.sla.models import ServiceCredit
from billing.sla.states import State
from erp.base.periods import Period
from erp.base.tenancy import AnyUser
from erp.catalogue.models import PriceKind
from erp.customers.access import memberships_of
from erp.customers.states import Right


def to_look_at(month: Period) -> QuerySet[Invoice]:
    """Return issued invoices with base prices of the month under a service level, not seen yet."""
    agreed = InvoiceLine.objects.filter(
        rated_line__kind=PriceKind.RECURRING,
        starts_at__gte=month.start,
        starts_at__lt=month.end,
        net_minor__gt=0,
        corrects_number="",
    ).exclude(rated_line__line__service_level=[])
    issued = Invoice.objects.filter(kind=Document.INVOICE, replaced_by=None).exclude(number="")
    seen = ServiceCredit.objects.filter(month_on=month.start.date())
    return (
        issued.filter(pk__in=agreed.values("invoice"))
        .exclude(pk__in=seen.values("invoice"))
        .order_by("pk")
    )


def lines_of(invoice: Invoice, month: Period) -> list[InvoiceLine]:
    """Return the base prices of the month on an invoice that were agreed with a service level."""
    found = invoice.lines.filter(
        rated_line__kind=PriceKind.RECURRING,
        starts_at__gte=month.start,
        starts_at__lt=month.end,
        net_minor__gt=0,
        corrects_number="",
    ).exclude(rated_line__line__service_level=[])
    return list(found.select_related("rated_line__line").order_by("position"))


def visible(user: AnyUser) -> QuerySet[ServiceCredit]:
    """Return the credits that the user may know of: a buyer only those that were approved."""
    seen = Q(pk__in=[])
    for member in memberships_of(user):
        rights, path = member.rights, member.organisation.path
        if Right.SEE_INVOICES in rights:
            seen |= Q(organisation__path__startswith=path, state=State.APPROVED)
        if Right.RUN_BILLING in rights:
            seen |= Q(issuer__path__startswith=path)
    found = ServiceCredit.objects.filter(seen)
    return found.select_related("organisation", "issuer", "contract", "invoice", "credit_note")


def is_over(month: Period, at: datetime) -> bool:
    """Return whether all of a month has passed: its availability does not move any more."""
    return month.end <= at
