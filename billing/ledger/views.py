"""Pages of the ledger: entries, what is booked by hand, and the lettering of an account."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.ledger import by_hand, lettering, queries
from billing.ledger.access import account_for, books_for, entry_for, may_keep
from billing.ledger.forms import EntryForm, LiftForm, OpeningForm, ReasonForm
from billing.ledger.models import Account
from billing.ledger.services import day_in
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.customers.access import require
from erp.customers.models import Organisation
from erp.customers.states import Right

PAGE = 25
# What a person letters by hand at once.
MOST_OPEN = 500
_MOST_CHOSEN = 200


@login_required
@require_GET
def journal(request: UserRequest) -> HttpResponse:
    """Show the entries of one seller's books, newest first, each with its legs."""
    books, choices = books_for(request.user, request.GET.get("books", ""))
    found = queries.entries(books)
    before = before_key(request)
    if before is not None:
        found = found.filter(position__lt=before)
    rows = list(found[: PAGE + 1])
    has_more = len(rows) > PAGE
    next_url = f"?books={books.reference}&before={rows[PAGE - 1].position}" if has_more else ""
    facts = {
        "entries": rows[:PAGE],
        "next_url": next_url,
        "books": books,
        "choices": choices,
        "may_keep": may_keep(request.user, books),
    }
    return render(request, "ledger/journal.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Post an entry by hand; a second click is the same entry."""
    books = _kept(request)

    def work(form: EntryForm) -> str:
        by = request.user.get_username()
        entry = by_hand.post_by_hand(books, form.typed(), at=now(), by=by)
        return f"Entry {entry.full_number} is posted."

    return _lines(request, books, EntryForm, "New entry", work)


@login_required
@require_http_methods(["GET", "POST"])
def opening(request: UserRequest) -> HttpResponse:
    """Bring in opening balances; the same table again changes nothing."""
    books = _kept(request)

    def work(form: OpeningForm) -> str:
        typed = {name: form.cleaned_data[name] for name in ("currency", "on")}
        by = request.user.get_username()
        made = by_hand.bring_in(books, form.legs, at=now(), by=by, **typed)
        return f"{len(made)} entries of opening balances are in the books."

    return _lines(request, books, OpeningForm, "Opening balances", work)


def _kept(request: UserRequest) -> Organisation:
    books, _ = books_for(request.user, request.GET.get("books", ""))
    require(request.user, books, Right.KEEP_BOOKS)
    return books


def _lines(
    request: UserRequest,
    books: Organisation,
    form_class: type[Any],
    title: str,
    work: Callable[[Any], str],
) -> HttpResponse:
    initial = {"on": day_in(books, now()), "currency": books.currency}
    form = form_class(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, work(form))
            return redirect(f"{reverse('ledger:list')}?books={books.reference}")
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _form(request, books, form, title)


def _form(request: UserRequest, books: Organisation, form: Form, title: str) -> HttpResponse:
    crumbs = [("Ledger", f"{reverse('ledger:list')}?books={books.reference}")]
    facts = {"form": form, "title": title, "books": books, "crumbs": crumbs}
    return render(request, "ledger/form.html", facts, status=422 if form.errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def reversal(request: UserRequest, reference: str) -> HttpResponse:
    """Take back an entry that was booked by hand, by its negative."""
    entry = entry_for(request.user, reference, right=Right.KEEP_BOOKS)
    books = entry.organisation
    form = ReasonForm(request.POST or None, initial={"on": day_in(books, now())})
    if request.method == "POST" and form.is_valid():
        try:
            made = by_hand.reverse_by_hand(
                entry, at=now(), by=request.user.get_username(), **form.cleaned_data
            )
            messages.success(request, f"{entry.full_number} is reversed by {made.full_number}.")
            return redirect(f"{reverse('ledger:list')}?books={books.reference}")
        except DomainError as refusal:
            form.add_error(None, str(refusal))
    return _form(request, books, form, f"Reverse {entry.full_number}: {entry.description}")


@login_required
@require_GET
def account(request: UserRequest, pk: int) -> HttpResponse:
    """Show what is open on an account, to be lettered, and the newest letterings."""
    found = account_for(request.user, pk, right=Right.SEE_LEDGER)
    return _account(request, found)


def _account(request: UserRequest, found: Account, error: str = "") -> HttpResponse:
    books = found.organisation
    facts = {
        "account": found,
        "books": books,
        "postings": lettering.open_postings(found).select_related("entry")[:MOST_OPEN],
        "letterings": queries.letterings(found)[:PAGE],
        "may_keep": may_keep(request.user, books),
        "error": error,
        "crumbs": [("Balances", f"{reverse('reports:trial-balance')}?books={books.reference}")],
    }
    return render(request, "ledger/account.html", facts, status=422 if error else 200)


@login_required
@require_POST
def letter(request: UserRequest, pk: int) -> HttpResponse:
    """Give the chosen postings of an account one code."""
    found = account_for(request.user, pk, right=Right.KEEP_BOOKS)
    typed = request.POST.getlist("posting")[:_MOST_CHOSEN]
    chosen = [int(key) for key in typed if key.isascii() and key.isdigit() and len(key) < 19]
    try:
        made = lettering.letter(found, chosen, at=now(), by=request.user.get_username())
    except DomainError as refusal:
        return _account(request, found, str(refusal))
    messages.success(request, f"{len(chosen)} postings bear the code {made.code}.")
    return redirect("ledger:account", pk)


@login_required
@require_POST
def unletter(request: UserRequest, pk: int, code: str) -> HttpResponse:
    """Take a code off, with a reason; its postings are open again."""
    found = account_for(request.user, pk, right=Right.KEEP_BOOKS)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return _account(request, found, "Say why the code is taken off.")
    by = request.user.get_username()
    lettering.unletter(found, code, at=now(), by=by, why=form.cleaned_data["why"])
    messages.success(request, f"The code {code} is taken off.")
    return redirect("ledger:account", pk)
