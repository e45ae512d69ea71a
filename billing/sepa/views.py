"""The desk of files for the bank: what is debited and refunded, and what became of it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.ledger.services import day_in
from billing.sepa import answers, debits, queries, runs, services, transfers
from billing.sepa.access import run_for, seller_for
from billing.sepa.calendar import next_open
from billing.sepa.forms import CreditorForm, DebitsForm, StatusForm, TransfersForm, WhyForm
from billing.sepa.models import SepaRun
from billing.sepa.states import RunKind, Scheme
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.customers.access import require
from erp.customers.models import Organisation
from erp.customers.states import Right

PAGE = 50
_SHOWN = 500


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the files of a seller, newest first, and how it debits."""
    return _list(request, {})


def _list(request: UserRequest, forms: dict[str, Form]) -> HttpResponse:
    seller, choices = seller_for(request.user, request.GET.get("books", ""))
    found = queries.runs(seller)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    creditor = queries.creditor_of(seller)
    query = f"?books={seller.reference}"
    facts: dict[str, Any] = {
        "books": seller,
        "choices": choices,
        "runs": rows[:PAGE],
        "next_url": f"{query}&before={rows[PAGE - 1].pk}" if len(rows) > PAGE else "",
        "creditor": creditor,
        "creditor_form": CreditorForm(creditor),
        "status_form": StatusForm(),
    }
    return render(request, "sepa/list.html", facts | forms, status=422 if forms else 200)


@login_required
@require_POST
def creditor(request: UserRequest) -> HttpResponse:
    """Keep how a seller debits."""
    seller, _ = seller_for(request.user, request.GET.get("books", ""))
    form = CreditorForm(None, request.POST)
    if form.is_valid():
        typed = form.cleaned_data
        by = request.user.get_username()
        try:
            services.set_creditor(
                seller, typed["identifier"], notice_days=typed["notice_days"],
                return_fee_minor=typed["return_fee"], at=now(), by=by,
            )  # fmt: skip
        except DomainError as refusal:
            form.add_error("identifier", str(refusal))
        else:
            messages.success(request, "Kept: customers can sign mandates now.")
            return redirect(f"{reverse('sepa:list')}?books={seller.reference}")
    return _list(request, {"creditor_form": form})


@login_required
@require_POST
def status(request: UserRequest) -> HttpResponse:
    """Take a status report of the bank; the same again changes nothing."""
    seller, _ = seller_for(request.user, request.GET.get("books", ""))
    form = StatusForm(request.POST, request.FILES)
    if form.is_valid():
        by, content = request.user.get_username(), form.cleaned_data["file"].read()
        try:
            run, refused = answers.take(seller, content, at=now(), by=by)
        except DomainError as refusal:
            form.add_error("file", str(refusal))
        else:
            messages.success(request, f"{refused} payments of {run} are refused by the bank.")
            return redirect("sepa:run", run.reference)
    return _list(request, {"status_form": form})


@login_required
@require_http_methods(["GET", "POST"])
def new_debits(request: UserRequest) -> HttpResponse:
    """Show what would be debited on a day, and make the file of it."""
    seller, choices = seller_for(request.user, request.GET.get("books", ""))
    kept = queries.creditor_of(seller)
    today = day_in(seller, now())
    first = debits.first_day(kept, today) if kept else next_open(today)
    form = DebitsForm(request.POST or None, initial={"on": first, "scheme": Scheme.CORE})
    if request.method == "POST" and form.is_valid():
        made = _made(request, form, lambda by: debits.prepare(seller, form.wish(), at=now(), by=by))
        if made is not None:
            return made
    on, scheme = _asked(request, first)
    form.initial = {"on": on, "scheme": scheme}
    rows = queries.planned(seller, scheme, on)
    facts = {
        "books": seller, "choices": choices, "form": form, "creditor": kept, "on": on,
        "rows": rows[:_SHOWN], "count": len(rows), "total": sum(one.minor for one in rows),
        "crumbs": _crumbs(seller),
    }  # fmt: skip
    return render(request, "sepa/debits.html", facts, status=422 if form.errors else 200)


def _asked(request: UserRequest, first: date) -> tuple[date, str]:
    """Return day and scheme of the preview; what cannot be read is as usual."""
    form = DebitsForm({**request.GET.dict(), "key": "K-00000000"})
    if form.is_valid():
        return form.cleaned_data["on"], form.cleaned_data["scheme"]
    return first, Scheme.CORE


@login_required
@require_http_methods(["GET", "POST"])
def new_transfers(request: UserRequest) -> HttpResponse:
    """Show the credit of customers that can be paid out, and make the file of it."""
    seller, choices = seller_for(request.user, request.GET.get("books", ""))
    require(request.user, seller, Right.KEEP_BOOKS)
    rows = list(queries.refundable(seller))
    initial = {"on": next_open(day_in(seller, now()))}
    form = TransfersForm(rows, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        made = _made(
            request, form, lambda by: transfers.prepare(seller, form.wish(), at=now(), by=by)
        )
        if made is not None:
            return made
    facts = {"books": seller, "choices": choices, "form": form, "rows": rows[:_SHOWN]}
    facts |= {"crumbs": _crumbs(seller)}
    return render(request, "sepa/transfers.html", facts, status=422 if form.errors else 200)


def _made(request: UserRequest, form: Form, work: Callable[[str], SepaRun]) -> HttpResponse | None:
    try:
        run = work(request.user.get_username())
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return None
    messages.success(request, f"The file {run} is made: look at it, then give it to the bank.")
    return redirect("sepa:run", run.reference)


def _crumbs(seller: Organisation) -> list[tuple[str, str]]:
    return [("Direct debits", f"{reverse('sepa:list')}?books={seller.reference}")]


@login_required
@require_GET
def run(request: UserRequest, reference: str) -> HttpResponse:
    """Show one file with what stands in it."""
    return _run(request, run_for(request.user, reference), {})


def _run(request: UserRequest, found: SepaRun, forms: dict[str, Form]) -> HttpResponse:
    facts: dict[str, Any] = {
        "run": found,
        "debits": queries.debits_of(found)[:_SHOWN],
        "transfers": queries.transfers_of(found)[:_SHOWN],
        "history": history(found),
        "crumbs": _crumbs(found.organisation),
        "cancel_form": WhyForm(),
    }
    return render(request, "sepa/run.html", facts | forms, status=422 if forms else 200)


@login_required
@require_GET
def file(request: UserRequest, reference: str) -> HttpResponse:
    """Send the file as it was made and checked."""
    found = run_for(request.user, reference)
    kind = "pain.008" if found.kind == RunKind.DEBIT else "pain.001"
    answer = HttpResponse(bytes(found.content), content_type="application/xml")
    answer.headers["Content-Disposition"] = f'attachment; filename="{kind}-{found.reference}.xml"'
    return answer


def _sent(found: SepaRun, form: Form, by: str) -> str:
    runs.send(found, at=now(), by=by)
    return f"The bank has {found}: customers are told, and it is settled on {found.on:%Y-%m-%d}."


def _refused(found: SepaRun, form: Form, by: str) -> str:
    return f"{answers.refuse_all(found, at=now(), by=by)} payments of {found} are refused."


def _cancel(found: SepaRun, form: Form, by: str) -> str:
    runs.cancel(found, at=now(), by=by, why=form.cleaned_data["why"])
    return f"{found} is cancelled."


WORK: Mapping[str, tuple[Callable[[Any], Form], Callable[[SepaRun, Form, str], str]]] = {
    "sent": (Form, _sent),
    "refused": (Form, _refused),
    "cancel": (WhyForm, _cancel),
}


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Say that the bank has the file, that it took nothing of it, or cancel it before."""
    found = run_for(request.user, reference)
    make, work = WORK[action]
    form = make(request.POST)
    try:
        if form.is_valid():
            messages.success(request, work(found, form, request.user.get_username()))
            return redirect("sepa:run", reference)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _run(request, found, {f"{action}_form": form})
