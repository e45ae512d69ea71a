"""The books as they are read: entries in order, and the balance of every account."""

from typing import Any

from django.db.models import QuerySet, Sum

from billing.ledger.models import Account, Entry
from erp.base.tenancy import AnyUser
from erp.customers.access import sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right


def books_of(user: AnyUser) -> list[Organisation]:
    """Return the sellers whose books the user may read, the provider first."""
    return sellers_for(user, Right.SEE_LEDGER)


def entries(books: Organisation) -> QuerySet[Entry]:
    """Return the entries with their legs, newest first."""
    found = Entry.objects.filter(organisation=books)
    return found.prefetch_related("postings__account").order_by("-position")


def balances(books: Organisation) -> list[dict[str, Any]]:
    """Return the accounts with what stands on each, per currency: debit positive."""
    rows = Account.objects.filter(organisation=books, postings__isnull=False)
    sums = (
        rows.values("code", "name", "postings__entry__currency")
        .annotate(minor=Sum("postings__minor"))
        .order_by("code", "postings__entry__currency")
    )
    return [dict(row) for row in sums]
