"""Pages of a desk: its queues with what they promise, its hours, its texts."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.desk import services
from erp.desk.access import KINDS, desk_for, desks_for, part_for
from erp.desk.forms import FORMS, PartForm, QueueForm
from erp.desk.models import Calendar, CannedAnswer, Queue, TicketTemplate

CRUMBS = [("Inbox", "/tickets/inbox"), ("Desk", "/desk/")]


@login_required
@require_GET
def settings(request: UserRequest) -> HttpResponse:
    """Show how a desk works."""
    desk = desk_for(request.user, request.GET.get("of", ""))
    mine = {"organisation": desk}
    queues = Queue.objects.filter(**mine).select_related("calendar", "escalates_to")
    facts = {
        "desk": desk,
        "desks": desks_for(request.user),
        "queues": queues.prefetch_related("targets"),
        "calendars": Calendar.objects.filter(**mine),
        "answers": CannedAnswer.objects.filter(**mine),
        "templates": TicketTemplate.objects.filter(**mine),
        "crumbs": CRUMBS[:1],
    }
    return render(request, "desk/settings.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Add a part: `?kind=queue&of=O-…`."""
    desk = desk_for(request.user, request.GET.get("of", ""))
    kind = request.GET.get("kind", "")
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](desk, KINDS[kind](organisation=desk), request.POST or None)
    return _page(request, form, f"New {kind}")


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: UserRequest, kind: str, reference: str) -> HttpResponse:
    """Change a part."""
    row: Any = part_for(request.user, kind, reference)
    return _page(request, FORMS[kind](row.organisation, row, request.POST or None), str(row))


def _page(request: UserRequest, form: PartForm, title: str) -> HttpResponse:
    here = f"{reverse('desk:settings')}?of={form.desk.reference}"
    if request.method == "POST" and form.is_valid():
        try:
            _keep(form, request.user.get_username())
        except DomainError as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, f"{form.row} is kept.")
            return redirect(here)
    facts = {"form": form, "title": title, "crumbs": CRUMBS, "desk": form.desk}
    return render(request, "desk/form.html", facts, status=422 if form.errors else 200)


@transaction.atomic
def _keep(form: PartForm, by: str) -> None:
    services.keep(form.row, form.facts(), at=now(), by=by)
    if isinstance(form, QueueForm):
        services.promise(form.row, form.promises())


@login_required
@require_POST
def remove(request: UserRequest, kind: str, reference: str) -> HttpResponse:
    """Take a text away: a canned answer or a template; queues and hours stay for their tickets."""
    row: Any = part_for(request.user, kind, reference)
    here = f"{reverse('desk:settings')}?of={row.organisation.reference}"
    services.remove(row, at=now(), by=request.user.get_username())
    messages.success(request, f"{row} is gone.")
    return redirect(here)
