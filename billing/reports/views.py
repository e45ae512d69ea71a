"""Pages and files of reports, and the exports for the tax office and the tax adviser."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from billing.ledger.access import books_for
from billing.ledger.services import day_in
from billing.reports import (
    accounts,
    compliance,
    datev,
    fec,
    margin,
    proof_archive,
    receivables,
    resale,
    sales,
)
from billing.reports.files import file_of
from billing.reports.forms import AskForm, DatevForm, FecForm, ProofForm, usual
from billing.reports.table import Asked, Table, shown
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.periods import month_of
from erp.customers.models import Organisation

PAGE = 50


@dataclass(frozen=True, slots=True)
class Report:
    """A report: its name on the tab, what makes it, and which fields it asks for."""

    label: str
    make: Callable[[Organisation, Asked], Table]
    uses: frozenset[str]


_PERIOD = {"from", "to", "currency"}
REPORTS: Mapping[str, Report] = {
    "journal": Report("Journal", accounts.journal, frozenset({*_PERIOD, "account", "journal"})),
    "trial-balance": Report("Trial balance", accounts.trial_balance, frozenset(_PERIOD)),
    "account": Report("Account", accounts.account, frozenset({*_PERIOD, "account"})),
    "aged": Report("Aged receivables", receivables.aged, frozenset({"to", "currency"})),
    "revenue": Report("Revenue", sales.revenue, frozenset(_PERIOD)),
    "tax": Report("Tax", sales.tax, frozenset({*_PERIOD, "basis"})),
    "resale": Report("Sold and bought", resale.resale, frozenset(_PERIOD)),
    "margin": Report("Margin", margin.margin, frozenset({*_PERIOD, "by"})),
    "deferred": Report("Deferred", sales.deferred, frozenset(_PERIOD)),
}


@login_required
@require_GET
def report(request: UserRequest, name: str) -> HttpResponseBase:
    """Show one report, page by page, or send all of it as CSV or XLSX."""
    books, choices = books_for(request.user, request.GET.get("books", ""))
    kind, today = REPORTS[name], day_in(books, now())
    values = usual(accounts.year_of(books, today), today, books.currency)
    form = AskForm(values, request.GET, kind.uses)
    wanted = request.GET.get("format", "")
    after = request.GET.get("after", "")[:40]
    is_file = wanted in {"csv", "xlsx"}
    asked = form.asked(after="" if is_file else after, limit=None if is_file else PAGE)
    table = kind.make(books, asked)
    if is_file:
        return file_of(table, f"{name}-{asked.end:%Y-%m-%d}", wanted)
    facts = {
        "table": table,
        "rows": list(shown(table)),
        "total": list(zip(table.columns, table.total, strict=True)) if table.total else None,
        "form": form,
        "books": books,
        "choices": choices,
        "view": name,
        "query": _query(request, books),
        "reports": REPORTS.items(),
        "is_first": not after,
    }
    return render(request, "reports/report.html", facts)


def _query(request: UserRequest, books: Organisation) -> str:
    """Return what was asked for without the page, for links."""
    kept = {
        key: str(value)
        for key, value in request.GET.items()
        if key not in {"after", "format", "books"}
    }
    return urlencode({"books": books.reference, **kept})


@login_required
@require_GET
def exports(request: UserRequest) -> HttpResponse:
    """Show the exports for the tax office and for the tax adviser."""
    books, _ = books_for(request.user, request.GET.get("books", ""))
    today = day_in(books, now())
    year = accounts.year_of(books, today)
    forms = {
        "fec_form": FecForm(initial={"day": today}),
        "datev_form": DatevForm(initial={"start": year, "end": today}),
    }
    return _exports(request, forms, status=200)


def _exports(request: UserRequest, forms: dict[str, Any], *, status: int) -> HttpResponse:
    books, choices = books_for(request.user, request.GET.get("books", ""))
    facts = {"books": books, "choices": choices, "view": "exports", "reports": REPORTS.items()}
    return render(request, "reports/exports.html", facts | forms, status=status)


@login_required
@require_GET
def fec_file(request: UserRequest) -> HttpResponseBase:
    """Send the FEC of a financial year, or say why there is none."""
    books, _ = books_for(request.user, request.GET.get("books", ""))
    form = FecForm(request.GET)
    try:
        if form.is_valid():
            year = accounts.year_of(books, form.cleaned_data["day"])
            name = fec.name_of(books, year)
            fec.check(books, year)
            return _stream(fec.lines(books, year), name, f"text/plain; charset={fec.ENCODING}")
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _exports(request, {"fec_form": form, "datev_form": DatevForm()}, status=422)


@login_required
@require_GET
def datev_file(request: UserRequest) -> HttpResponseBase:
    """Send the DATEV stack of a period, or say why there is none."""
    books, _ = books_for(request.user, request.GET.get("books", ""))
    form = DatevForm(request.GET)
    try:
        if form.is_valid():
            stack = datev.Stack(**form.cleaned_data)
            datev.check(books, stack)
            name = f"EXTF_Buchungsstapel_{stack.start:%Y%m%d}_{stack.end:%Y%m%d}.csv"
            found = datev.lines(books, stack, at=now())
            return _stream(found, name, f"text/csv; charset={datev.ENCODING}")
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _exports(request, {"fec_form": FecForm(), "datev_form": form}, status=422)


def _stream(parts: Any, name: str, content_type: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(parts, content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@login_required
@require_GET
def proof(request: UserRequest) -> HttpResponse:
    """Ask everything that an auditor asks about a period, and show the answers."""
    books, choices = books_for(request.user, request.GET.get("books", ""))
    today = day_in(books, now())
    last_month = month_of(month_of(now()).start - timedelta(days=1))
    usual_days = {
        "start": last_month.start.date(),
        "end": min((last_month.end - timedelta(days=1)).date(), today),
    }
    is_asked = "start" in request.GET
    form = ProofForm(request.GET if is_asked else None, initial=usual_days)
    found = compliance.look(books, **form.cleaned_data) if is_asked and form.is_valid() else None
    facts = {
        "form": form,
        "proof": found,
        "books": books,
        "choices": choices,
        "view": "proof",
        "reports": REPORTS.items(),
    }
    status = 422 if is_asked and form.errors else 200
    return render(request, "reports/proof.html", facts, status=status)


@login_required
@require_POST
def proof_file(request: UserRequest) -> HttpResponseBase:
    """Make the proof anew and send it as a file; its hash goes into the journal of the books."""
    books, _ = books_for(request.user, request.POST.get("books", ""))
    form = ProofForm(request.POST)
    if not form.is_valid():
        return redirect(f"{reverse('reports:proof')}?books={books.reference}")
    days = form.cleaned_data
    found = compliance.look(books, **days)
    # Beyond this it is kept on disk while it is sent.
    target = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115  (the answer closes it)
    made = proof_archive.write(found, target, at=now(), by=request.user.get_username())
    target.seek(0)
    name = f"proof-{books.reference}-{days['start']}-{days['end']}.zip"
    answer = FileResponse(target, as_attachment=True, filename=name, content_type="application/zip")
    answer.headers["X-Manifest-SHA256"] = made.manifest_sha256
    return answer
