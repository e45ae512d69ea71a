"""The desk of the bank: import files, and say what each movement is."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from billing.bank import matching, queries, services
from billing.bank.access import account_holder_for, file_for, item_for
from billing.bank.forms import (
    AcceptForm,
    BackForm,
    CreditForm,
    FileForm,
    NumbersForm,
    RunForm,
    WhyForm,
)
from billing.bank.models import BankItem
from billing.bank.states import State
from billing.sepa.queries import answered_by
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.access import require
from erp.customers.models import Organisation
from erp.customers.states import Right

PAGE = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the movements of a seller's accounts with what they may pay, newest first."""
    books, choices = account_holder_for(request.user, request.GET.get("books", ""))
    return _list(request, books, choices, FileForm())


def _list(
    request: UserRequest, books: Organisation, choices: list[Organisation], form: Form
) -> HttpResponse:
    state = request.GET.get("state", State.OPEN)
    found = queries.items(books, state=state)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    proposed = queries.proposed(books, rows[:PAGE])
    query = f"?books={books.reference}&state={state}"
    facts = {
        "books": books,
        "choices": choices,
        "rows": [(one, proposed.get(one.pk, [])[:1]) for one in rows[:PAGE]],
        "state": state,
        "states": [(one.value, one.label) for one in State] + [("all", "All")],
        "form": form,
        "has_sure": any(one[0].proposal.is_sure for one in proposed.values() if one),
        "next_url": f"{query}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
    }
    return render(request, "bank/list.html", facts, status=422 if form.errors else 200)


@login_required
@require_POST
def upload(request: UserRequest) -> HttpResponse:
    """Import one file; the same file again changes nothing and says so."""
    books, choices = account_holder_for(request.user, request.GET.get("books", ""))
    form = FileForm(request.POST, request.FILES)
    by = request.user.get_username()
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made, is_new = services.import_file(books, file.name, file.read(), at=now(), by=by)
        except DomainError as refusal:
            form.add_error("file", str(refusal))
        else:
            said = f"{made.new_lines} of {made.lines} movements are new."
            messages.success(request, said if is_new else f"{made} was imported before.")
            return redirect("bank:file", made.reference)
    return _list(request, books, choices, form)


@login_required
@require_POST
def accept_sure(request: UserRequest) -> HttpResponse:
    """Accept every sure proposal."""
    books, _ = account_holder_for(request.user, request.GET.get("books", ""))
    done = matching.accept_sure(books, at=now(), by=request.user.get_username())
    messages.success(request, f"{done} payments are recorded.")
    return redirect(f"{reverse('bank:list')}?books={books.reference}")


@login_required
@require_GET
def file(request: UserRequest, reference: str) -> HttpResponse:
    """Show the statements of one file, with their balances and what was odd."""
    found = file_for(request.user, reference)
    facts = {
        "file": found,
        "statements": queries.statements_of(found),
        "crumbs": [("Bank", f"/bank/?books={found.organisation.reference}")],
    }
    return render(request, "bank/file.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one movement, its proposals with their reasons, and what else it may be."""
    return _page(request, item_for(request.user, reference), {})


def _page(request: UserRequest, item: BankItem, forms: dict[str, Form]) -> HttpResponse:
    facts: dict[str, Any] = {
        "item": item,
        "proposals": queries.proposed(item.organisation, [item]).get(item.pk, []),
        "run": answered_by(item.organisation, item.batch, item.end_to_end),
        "receipts": queries.went_back(item) if item.state == State.OPEN else [],
        "history": history(item),
        "crumbs": [("Bank", f"/bank/?books={item.organisation.reference}")],
        "numbers_form": NumbersForm(item),
        "credit_form": CreditForm(item),
        "back_form": BackForm(item),
        "charge_form": WhyForm(item, initial={"why": item.text[:200]}),
        "aside_form": WhyForm(item),
        "undo_form": WhyForm(item),
    }
    return render(request, "bank/item.html", facts | forms, status=422 if forms else 200)


def _accept(item: BankItem, form: Form, by: str) -> str:
    typed = form.cleaned_data
    made = matching.accept(item, typed["payer"], typed["shares"], at=now(), by=by)
    return f"Payment {made} of {typed['payer']} is recorded."


def _credit(item: BankItem, form: Form, by: str) -> str:
    payer = form.cleaned_data["customer"]
    made = matching.accept(item, payer, {}, at=now(), by=by)
    return f"Payment {made} is credit of {payer}."


def _back(item: BankItem, form: Form, by: str) -> str:
    receipt = form.cleaned_data["receipt"]
    made = matching.went_back(item, receipt, at=now(), by=by)
    return f"{made.get_kind_display()}: {receipt}."


def _run(item: BankItem, form: Form, by: str) -> str:
    made = matching.book_run(item, form.cleaned_data["run"], at=now(), by=by)
    return f"Entry {made.full_number} is posted."


def _charge(item: BankItem, form: Form, by: str) -> str:
    made = matching.book_charge(item, at=now(), by=by, why=form.cleaned_data["why"])
    return f"Entry {made.full_number} is posted."


def _aside(item: BankItem, form: Form, by: str) -> str:
    matching.set_aside(item, at=now(), by=by, why=form.cleaned_data["why"])
    return f"{item} is set aside."


def _undo(item: BankItem, form: Form, by: str) -> str:
    matching.undo(item, at=now(), by=by, why=form.cleaned_data["why"])
    return f"{item} is open again."


WORK: Mapping[str, tuple[Callable[..., Form], Callable[[BankItem, Form, str], str]]] = {
    "accept": (AcceptForm, _accept),
    "numbers": (NumbersForm, _accept),
    "credit": (CreditForm, _credit),
    "back": (BackForm, _back),
    "run": (RunForm, _run),
    "charge": (WhyForm, _charge),
    "aside": (WhyForm, _aside),
    "undo": (WhyForm, _undo),
}
# What touches accounts that no payment touches.
_OF_BOOKKEEPERS = frozenset({"charge"})


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Say what a movement is, or take that back."""
    item = item_for(request.user, reference)
    if action in _OF_BOOKKEEPERS:
        require(request.user, item.organisation, Right.KEEP_BOOKS)
    make, work = WORK[action]
    form = make(item, request.POST)
    try:
        if form.is_valid():
            messages.success(request, work(item, form, request.user.get_username()))
            return redirect("bank:detail", reference)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _page(request, item, {f"{action}_form": form})
