"""The one way from a user to books, entries and accounts."""

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from billing.ledger import queries
from billing.ledger.models import Account, Entry
from erp.base.tenancy import AnyUser
from erp.customers.access import require, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right


def books_for(user: AnyUser, reference: str) -> tuple[Organisation, list[Organisation]]:
    """Return the books that the reader asked for, or the first, and all that may be chosen.

    Raises:
        PermissionDenied: the user reads no books at all.
        Http404: not these.
    """
    choices = queries.books_of(user)
    if not choices:
        raise PermissionDenied
    found = next((one for one in choices if not reference or one.reference == reference), None)
    if found is None:
        raise Http404
    return found, choices


def may_keep(user: AnyUser, books: Organisation) -> bool:
    """Return whether the user posts, letters and closes in these books."""
    return Right.KEEP_BOOKS in rights_of(user, books)


def entry_for(user: AnyUser, reference: str, *, right: Right) -> Entry:
    """Return the entry if the user has this right on its books.

    Raises:
        Http404: the user may not even know that it exists.
        PermissionDenied: the user may see it but not do this.
    """
    found = Entry.objects.filter(organisation__in=queries.books_of(user))
    entry = get_object_or_404(found.select_related("organisation"), reference=reference)
    require(user, entry.organisation, right)
    return entry


def account_for(user: AnyUser, pk: int, *, right: Right) -> Account:
    """Return the account if the user has this right on its books; raises as `entry_for` does."""
    found = Account.objects.filter(organisation__in=queries.books_of(user))
    account = get_object_or_404(found.select_related("organisation", "party"), pk=pk)
    require(user, account.organisation, right)
    return account
