"""Pages of the ledger: the journal, and the balance of every account."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from billing.ledger import queries
from erp.base.doors import UserRequest, before_key
from erp.customers.models import Organisation

PAGE = 50


@login_required
@require_GET
def journal(request: UserRequest) -> HttpResponse:
    """Show the entries of one seller's books, newest first, each with its legs."""
    books, choices = _books(request)
    found = queries.entries(books)
    before = before_key(request)
    if before is not None:
        found = found.filter(position__lt=before)
    rows = list(found[: PAGE + 1])
    has_more = len(rows) > PAGE
    next_url = f"?books={books.reference}&before={rows[PAGE - 1].position}" if has_more else ""
    facts = {"entries": rows[:PAGE], "next_url": next_url, "books": books, "choices": choices}
    return render(request, "ledger/journal.html", facts)


@login_required
@require_GET
def balances(request: UserRequest) -> HttpResponse:
    """Show what stands on every account; the sum is zero."""
    books, choices = _books(request)
    facts = {"rows": queries.balances(books), "books": books, "choices": choices}
    return render(request, "ledger/balances.html", facts)


def _books(request: UserRequest) -> tuple[Organisation, list[Organisation]]:
    """Return the books that the reader asked for, or the first, and all that may be chosen."""
    choices = queries.books_of(request.user)
    if not choices:
        raise PermissionDenied
    asked = request.GET.get("books", "")
    found = next((one for one in choices if not asked or one.reference == asked), None)
    if found is None:
        raise Http404
    return found, choices
