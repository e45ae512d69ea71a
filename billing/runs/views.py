"""Pages of billing runs: open one, look at its drafts, issue them."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.runs import queries, services
from billing.runs.access import run_for
from billing.runs.forms import RunForm
from billing.runs.models import BillingRun, Outcome
from billing.runs.review import marks_of
from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.base.periods import month_of
from erp.customers.access import sellers_for
from erp.customers.models import Organisation
from erp.customers.states import Right

PAGE = 50
MOST_ITEMS = 500
CRUMBS = [("Billing runs", "/billing-runs/")]


def _issuers(request: UserRequest) -> list[Organisation]:
    """Return the sellers for whom the reader bills.

    Raises:
        PermissionDenied: there are none.
    """
    found = sellers_for(request.user, Right.RUN_BILLING)
    if not found:
        raise PermissionDenied
    return found


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the runs, newest first."""
    issuers = _issuers(request)
    found = queries.listed(request.user).filter(organisation__in=issuers)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    next_url = f"?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    return render(request, "billing_runs/list.html", {"runs": rows[:PAGE], "next_url": next_url})


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Open a run over some days; a second click opens the same one again or finds it done."""
    at = now()
    last_month = month_of(month_of(at).start - timedelta(days=1))
    initial = {
        "first_day": last_month.start.date(),
        "last_day": (last_month.end - timedelta(days=1)).date(),
    }
    form = RunForm(_issuers(request), request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            run = services.open_run(
                form.cleaned_data["issuer"],
                form.period(at),
                cut_off=at,
                at=at,
                by=request.user.get_username(),
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("billing-runs:detail", run.reference)
    facts = {"form": form, "crumbs": CRUMBS}
    return render(request, "billing_runs/new.html", facts, status=422 if form.errors else 200)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show what the run made of each contract."""
    run = run_for(request.user, reference, right=Right.RUN_BILLING)
    return render(request, "billing_runs/detail.html", _facts(request, run))


@login_required
@require_GET
def live(request: UserRequest, reference: str) -> HttpResponse:
    """Return the part of the page that moves; 286 when nothing will move any more."""
    run = run_for(request.user, reference, right=Right.RUN_BILLING)
    facts = _facts(request, run)
    status = 200 if facts["is_moving"] else 286
    return render(request, "billing_runs/_live.html", facts, status=status)


def _facts(request: UserRequest, run: BillingRun) -> dict[str, object]:
    outcome, odd = request.GET.get("outcome", ""), request.GET.get("odd") == "1"
    is_issuing = run.issue_asked_at is not None and run.issue_ended_at is None
    drafts = services.drafts_of(run)
    return {
        "run": run,
        "items": [
            (item, marks_of(item))
            for item in queries.items_of(run, outcome=outcome, odd=odd)[:MOST_ITEMS]
        ],
        "odd": odd,
        "outcome": outcome,
        "outcomes": Outcome.values,
        "drafts": drafts.count() if run.finished_at else 0,
        "is_issuing": is_issuing,
        "is_moving": run.finished_at is None or is_issuing,
        "crumbs": CRUMBS,
    }


@login_required
@require_POST
def issue(request: UserRequest, reference: str) -> HttpResponse:
    """Have all drafts of the run issued; a second click changes nothing."""
    run = run_for(request.user, reference, right=Right.RUN_BILLING)
    services.ask_to_issue(run, at=now(), by=request.user.get_username())
    messages.success(request, "The drafts are being issued.")
    return redirect("billing-runs:detail", reference)


@login_required
@require_POST
def retry(request: UserRequest, reference: str, pk: int) -> HttpResponse:
    """Look at one parked contract again."""
    run = run_for(request.user, reference, right=Right.RUN_BILLING)
    item = get_object_or_404(run.items.all(), pk=pk)
    again = services.retry(item, at=now(), by=request.user.get_username())
    messages.info(request, f"{again.contract.name}: {again.outcome}. {again.reason}")
    return redirect("billing-runs:detail", reference)
