"""The books as they are read by the ledger itself; `billing.reports` makes reports of them."""

from datetime import date, datetime, timedelta

from django.db.models import F, Max, Q, QuerySet

from billing.ledger.models import (
    Account,
    Anchor,
    Deferral,
    Entry,
    Lettering,
    PartAccount,
)
from erp.base.tenancy import AnyUser
from erp.customers.access import sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right

_ANCHOR_EVERY = timedelta(hours=20)


def books_of(user: AnyUser) -> list[Organisation]:
    """Return the sellers whose books the user may read, the provider first."""
    return sellers_for(user, Right.SEE_LEDGER)


def entries(books: Organisation) -> QuerySet[Entry]:
    """Return the entries with their legs, newest first."""
    found = Entry.objects.filter(organisation=books).select_related("reverses", "reversed_by")
    return found.prefetch_related("postings__account", "postings__lettering").order_by("-position")


def entry(pk: int) -> Entry:
    """Return one entry with its books."""
    return Entry.objects.select_related("organisation").get(pk=pk)


def unreleased(
    on: date, *, books: Organisation | None = None
) -> QuerySet[Deferral, tuple[int, date]]:
    """Return entry and month of what waits though its month ended before a day, oldest first."""
    first_of_month = on.replace(day=1)
    waiting = Deferral.objects.filter(released_by=None, month_on__lt=first_of_month)
    if books is not None:
        waiting = waiting.filter(organisation=books)
    return waiting.order_by("month_on", "entry_id").values_list("entry_id", "month_on").distinct()


def without_anchor(at: datetime) -> QuerySet[Organisation]:
    """Return whose books grew since their last anchor, where that is not of today."""
    grown = Organisation.objects.filter(books__last_position__gt=0).annotate(
        anchored=Max("anchor__position"), anchored_at=Max("anchor__at")
    )
    due = Q(anchored=None) | Q(
        anchored__lt=F("books__last_position"), anchored_at__lt=at - _ANCHOR_EVERY
    )
    return grown.filter(due).order_by("pk")


def anchors(books: Organisation) -> QuerySet[Anchor]:
    """Return the anchors of a chain, newest first."""
    return Anchor.objects.filter(organisation=books).order_by("-position")


def letterings(account: Account) -> QuerySet[Lettering]:
    """Return the codes of an account that stand, newest first, with what bears them."""
    standing = account.letterings.filter(undone_at=None).order_by("-number")
    return standing.prefetch_related("postings__entry")


def mapped(books: Organisation) -> QuerySet[PartAccount]:
    """Return the parts that are booked on another account than the chart's, newest first."""
    return PartAccount.objects.filter(organisation=books).order_by("-from_on", "-pk")
