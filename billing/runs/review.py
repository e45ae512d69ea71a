"""What of a run a person should look at before it is issued: marks, and their words."""

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from billing.documents.rules import TAXED
from billing.invoicing.models import Invoice
from billing.invoicing.states import Kind, State
from billing.runs.models import Outcome, RunItem

# A total further than this from the one before, in percent of that, is looked at.
MOST_CHANGE_PERCENT = 50
# A buyer abroad who is taxed at home, for want of a VAT number.
_TAXED_ABROAD = (
    Q(invoice__organisation__vat_number="")
    & ~Q(invoice__organisation__country=F("invoice__issuer__country"))
    & Q(invoice__taxes__0__category=TAXED)
)
_CHANGED = Q(invoice__net_minor__gt=F("before_minor") * (100 + MOST_CHANGE_PERCENT) / 100) | Q(
    invoice__net_minor__lt=F("before_minor") * (100 - MOST_CHANGE_PERCENT) / 100
)
ODD = (
    Q(outcome=Outcome.PARKED)
    | Q(invoice__isnull=False, before_minor=None)
    | Q(invoice__total_minor=0)
    | Q(invoice__lines__net_minor__lt=0)
    | _CHANGED
    | _TAXED_ABROAD
)


def with_marks(items: QuerySet[RunItem]) -> QuerySet[RunItem]:
    """Return items with what the contract was billed before: the newest that was not credited."""
    before = Invoice.objects.filter(
        contract=OuterRef("contract"),
        kind=Kind.INVOICE,
        period_end_at__lte=OuterRef("invoice__period_start_at"),
    ).exclude(Q(number="") | Q(state=State.CREDITED))
    newest = before.order_by("-period_end_at").values("net_minor")[:1]
    return items.annotate(before_minor=Subquery(newest))


def odd(items: QuerySet[RunItem]) -> QuerySet[RunItem]:
    """Return the items that bear a mark."""
    return items.filter(pk__in=items.filter(ODD).order_by().values("pk"))


def marks_of(item: RunItem) -> list[str]:
    """Return why a person should look at one item of `with_marks`, in words."""
    invoice = item.invoice
    if invoice is None:
        return ["parked"] if item.outcome == Outcome.PARKED else []
    found = []
    before: int | None = item.before_minor  # type: ignore[attr-defined]
    if before is None:
        found.append("first invoice")
    elif abs(invoice.net_minor - before) * 100 > MOST_CHANGE_PERCENT * before:
        change = f"{(invoice.net_minor - before) * 100 / before:+.0f} %" if before else "from zero"
        found.append(f"changed by {change}" if before else f"changed {change}")
    if not invoice.total_minor:
        found.append("zero")
    if any(line.net_minor < 0 for line in invoice.lines.all()):
        found.append("a negative line")
    buyer, is_taxed = invoice.organisation, invoice.taxes and invoice.taxes[0]["category"] == TAXED
    if is_taxed and not buyer.vat_number and buyer.country != invoice.issuer.country:
        found.append("abroad without a VAT number")
    return found
