"""Which runs there are, and what is left of each."""

from django.db.models import Count, F, Q, QuerySet, Sum

from billing.runs import review
from billing.runs.models import BillingRun, Outcome, RunItem
from erp.base.tenancy import AnyUser


def unfinished() -> QuerySet[BillingRun]:
    """Return the runs that still make drafts, oldest first."""
    return BillingRun.objects.filter(finished_at=None).order_by("pk")


def to_issue() -> QuerySet[BillingRun]:
    """Return the runs whose drafts somebody asked to issue, oldest first."""
    return BillingRun.objects.filter(
        issue_asked_at__isnull=False, issue_ended_at=None, finished_at__isnull=False
    ).order_by("pk")


def listed(user: AnyUser) -> QuerySet[BillingRun]:
    """Return the runs that the user sees with what they made, newest first."""
    return (
        BillingRun.objects.visible_to(user)
        .select_related("organisation")
        .annotate(
            drafted=Count("items", filter=Q(items__outcome=Outcome.DRAFTED)),
            parked=Count("items", filter=Q(items__outcome=Outcome.PARKED)),
            issued=Count("items", filter=~Q(items__invoice__number="") & Q(items__invoice__gt=0)),
            total_minor=Sum("items__invoice__total_minor"),
        )
        .order_by("-pk")
    )


def items_of(run: BillingRun, *, outcome: str = "", odd: bool = False) -> QuerySet[RunItem]:
    """Return what the run made of each contract: parked first, then the highest totals.

    Args:
        odd: only what a person should look at.
    """
    found = review.with_marks(RunItem.objects.filter(run=run)).select_related(
        "contract", "organisation", "invoice__organisation", "invoice__issuer"
    )
    if odd:
        found = review.odd(found)
    if outcome in Outcome.values:
        found = found.filter(outcome=outcome)
    order = F("invoice__total_minor").desc(nulls_last=True)
    return found.prefetch_related("invoice__lines").order_by("-outcome", order, "pk")
