"""The page of the books themselves: chart, parts, what is closed, and the proof of the chain."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from billing.ledger import closing, queries, setup, years
from billing.ledger.access import books_for, may_keep
from billing.ledger.charts import CHARTS
from billing.ledger.forms import ChartForm, CloseForm, LiftForm, PartForm, YearForm
from billing.ledger.models import Books
from billing.ledger.proof import prove
from billing.ledger.services import chart_of, day_in
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import require
from erp.customers.models import Organisation
from erp.customers.states import Right

_ANCHORS = 10


@login_required
@require_GET
def settings(request: UserRequest) -> HttpResponse:
    """Show how the books are kept, what is closed, and whether their chain holds."""
    books, choices = books_for(request.user, request.GET.get("books", ""))
    return _page(request, books, choices, {})


def _page(
    request: UserRequest,
    books: Organisation,
    choices: list[Organisation],
    forms: dict[str, Form],
) -> HttpResponse:
    row = Books.objects.filter(organisation=books).first()
    chart, today = chart_of(books), day_in(books, now())
    year = years.to_close(books)
    facts: dict[str, Any] = {
        "books": books,
        "choices": choices,
        "row": row,
        "chart": chart,
        "mapped": queries.mapped(books),
        "anchors": queries.anchors(books)[:_ANCHORS],
        "proof": prove(books) if "prove" in request.GET else None,
        "may_keep": may_keep(request.user, books),
        "is_chart_open": row is None or not row.last_position,
        "chart_form": ChartForm(
            initial={"key": chart.key, "year_starts_month": row.year_starts_month if row else 1}
        ),
        "part_form": PartForm(chart, initial={"from_on": today}),
        "close_form": CloseForm(initial={"before": today.replace(day=1)}),
        "lift_form": LiftForm(),
        "year": year,
        "is_year_over": year is not None and year.end < today,
        "chart_name": CHARTS[chart.key].name,
    }
    return render(request, "ledger/settings.html", facts | forms, status=422 if forms else 200)


def _close(books: Organisation, form: Form, by: str) -> str:
    typed = form.cleaned_data
    work = closing.close_for_ever if typed["how"] == "hard" else closing.close_softly
    work(books, before=typed["before"], at=now(), by=by, why=typed["why"])
    return f"The books are closed before {typed['before']:%Y-%m-%d}."


def _year(books: Organisation, form: Form, by: str) -> str:
    made = years.close_year(books, start=form.cleaned_data["start"], at=now(), by=by)
    named = ", ".join(one.full_number for one in made) or "no entry: it made nothing"
    return f"The year is closed: {named}."


def _lift(books: Organisation, form: Form, by: str) -> str:
    closing.lift(books, at=now(), by=by, why=form.cleaned_data["why"])
    return "The soft lock is lifted."


def _chart(books: Organisation, form: Form, by: str) -> str:
    setup.choose_chart(books, at=now(), by=by, **form.cleaned_data)
    return "The chart is chosen."


def _part(books: Organisation, form: Form, by: str) -> str:
    assert isinstance(form, PartForm), "see WORK"
    made = setup.map_part(
        books, form.mapping(), from_on=form.cleaned_data["from_on"], at=now(), by=by
    )
    return f"{made.part} is booked on {made.code} from {made.from_on:%Y-%m-%d} on."


WORK: Mapping[str, tuple[Callable[[Any, Organisation], Form], Callable[..., str]]] = {
    "close": (lambda data, books: CloseForm(data), _close),
    "year": (lambda data, books: YearForm(data), _year),
    "lift": (lambda data, books: LiftForm(data), _lift),
    "chart": (lambda data, books: ChartForm(data), _chart),
    "part": (lambda data, books: PartForm(chart_of(books), data), _part),
}


@login_required
@require_POST
def act(request: UserRequest, action: str) -> HttpResponse:
    """Close, lift, choose the chart or map a part of it."""
    books, choices = books_for(request.user, request.GET.get("books", ""))
    require(request.user, books, Right.KEEP_BOOKS)
    make, work = WORK[action]
    form = make(request.POST, books)
    try:
        if form.is_valid():
            messages.success(request, work(books, form, request.user.get_username()))
            return redirect(f"{reverse('ledger:settings')}?books={books.reference}")
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _page(request, books, choices, {f"{action}_form": form})
