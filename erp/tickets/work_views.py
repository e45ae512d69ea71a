"""Pages of those who serve: the inbox, and what they do with a ticket besides answering."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from erp.base.doors import UserRequest, now
from erp.base.journal import history
from erp.contracts import services as contracts
from erp.contracts.access import contract_for, contract_to_start
from erp.customers.access import memberships_of, organisation_for, rights_of
from erp.customers.states import Right
from erp.customers.viewing import may_view_as
from erp.tickets import queries, working
from erp.tickets.access import answers, staff_ticket_for, ticket_for
from erp.tickets.clocks import who_serves
from erp.tickets.models import Ticket
from erp.tickets.subjects import find
from erp.tickets.work_forms import ActForm, JudgeForm, LinkForm, MergeForm, RouteForm

PAGE = 50
OF_CUSTOMER = 10
# How far back the inbox tells how well customers judged.
JUDGED = timedelta(days=30)
_TURNS = (("ours", "Ours"), ("theirs", "Their turn"), ("all", "All open"))
_WHOSE = (("", "Everybody's"), ("mine", "Mine"), ("nobodys", "Nobody's"))


@login_required
@require_GET
def inbox(request: UserRequest) -> HttpResponse:
    """Show what waits for the reader's desks: what runs out first stands first."""
    if Right.ANSWER_TICKETS not in request.rights:
        raise PermissionDenied
    asked, at = request.GET, now()
    turn = asked.get("turn", "ours")
    wanted = queries.Wanted(turn, asked.get("whose", ""), asked.get("queue", ""))
    found = queries.beyond(queries.inbox(request.user, wanted), asked.get("after", ""))
    rows = list(found[: PAGE + 1])
    facts = {
        "tickets": rows[:PAGE],
        "next_after": queries.place_of(rows[PAGE - 1]) if len(rows) > PAGE else "",
        "wanted": wanted,
        "turns": _TURNS,
        "whose": _WHOSE,
        "queues": list(queries.queues_of(request.user)),
        "counts": queries.counts(request.user, at),
        "judged": queries.judged(request.user, at - JUDGED),
        "reads_mails": any(
            one.organisation.parent_id is None for one in memberships_of(request.user)
        ),
        "now": at,
    }
    return render(request, "tickets/inbox.html", facts)


def route_form(request: UserRequest, ticket: Ticket) -> RouteForm:
    """Return the form with the queues and the people of who serves."""
    server = who_serves(ticket.organisation)
    queues = queries.queues_of(request.user).filter(organisation=server)
    agents = queries.agents_for(ticket.organisation)
    return RouteForm(request.POST or None, ticket=ticket, queues=list(queues), agents=agents)


@login_required
@require_GET
def customer(request: UserRequest, reference: str) -> HttpResponse:
    """Show all that those who serve know of a customer."""
    found = organisation_for(request.user, reference, right=Right.ANSWER_TICKETS)
    if not answers(request.user, found):
        raise PermissionDenied
    rights = rights_of(request.user, found)
    facts = {
        "customer": found,
        "members": found.members.select_related("user").order_by("user__email")[:PAGE],
        "services": queries.services_of(request.user, found),
        "tickets": queries.listed(request.user).filter(organisation=found)[:OF_CUSTOMER],
        "sees_money": Right.SEE_INVOICES in rights,
        "may_view_as": may_view_as(request.user, found),
        "events": history(found).order_by("-position")[:PAGE],
        "crumbs": [("Inbox", "/tickets/inbox")],
        "now": now(),
    }
    return render(request, "tickets/customer.html", facts)


@login_required
@require_POST
def route(request: UserRequest, reference: str) -> HttpResponse:
    """Hand a ticket to a queue, a person, a priority."""
    ticket = staff_ticket_for(request.user, reference)
    form = route_form(request, ticket)
    if _is_valid(request, form):
        working.route(ticket, form.route(), at=now(), by=request.user.get_username())
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def take(request: UserRequest, reference: str) -> HttpResponse:
    """Make a ticket one's own."""
    working.take(staff_ticket_for(request.user, reference), request.user, at=now())
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def merge(request: UserRequest, reference: str) -> HttpResponse:
    """Continue a ticket in another one."""
    ticket, form = staff_ticket_for(request.user, reference), MergeForm(request.POST)
    if not _is_valid(request, form):
        return redirect("tickets:detail", reference)
    visible = Ticket.objects.visible_to(request.user).filter(organisation=ticket.organisation_id)
    into = get_object_or_404(visible, reference=form.cleaned_data["into"].strip().upper())
    working.merge(ticket, into, at=now(), by=request.user.get_username())
    messages.success(request, f"{reference} goes on here.")
    return redirect("tickets:detail", into.reference)


@login_required
@require_POST
def link(request: UserRequest, reference: str) -> HttpResponse:
    """Say what a ticket is about."""
    ticket, form = staff_ticket_for(request.user, reference), LinkForm(request.POST)
    if _is_valid(request, form):
        name = form.cleaned_data["name"]
        subject = find(request.user, name)
        if subject is None:
            messages.error(request, f"You see nothing that is called {name}.")
        else:
            working.link(ticket, subject, at=now(), by=request.user.get_username())
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def unlink(request: UserRequest, reference: str, pk: int) -> HttpResponse:
    """Take a link away."""
    ticket = staff_ticket_for(request.user, reference)
    working.unlink(ticket, pk, at=now(), by=request.user.get_username())
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def act(request: UserRequest, reference: str) -> HttpResponse:
    """Stop or start the service that a ticket is about, with the reader's own rights on it."""
    ticket, form = staff_ticket_for(request.user, reference), ActForm(request.POST)
    if ticket.contract is None or not _is_valid(request, form):
        return redirect("tickets:detail", reference)
    at, by, why = now(), request.user.get_username(), form.cleaned_data["why"]
    reason = f"{ticket.reference}: {why}"
    with transaction.atomic():
        if form.cleaned_data["action"] == "stop":
            name = ticket.contract.reference
            contract = contract_for(request.user, name, right=Right.MANAGE_SERVICES)
            contracts.suspend(contract, at=at, by=by, why=reason)
            what = "Stopped"
        else:
            contract = contract_to_start(request.user, ticket.contract.reference)
            contracts.resume(contract, at=at, by=by, why=reason)
            what = "Started"
        working.did(ticket, f"{what} {contract.name}: {why}", at=at, by=by)
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def judge(request: UserRequest, reference: str) -> HttpResponse:
    """Say how good the help was: who was helped, never who helped."""
    ticket = ticket_for(request.user, reference, right=Right.WRITE_TICKETS)
    if not queries.is_member(request.user, ticket):
        raise PermissionDenied
    form = JudgeForm(request.POST)
    if _is_valid(request, form):
        by = request.user.get_username()
        working.judge(ticket, at=now(), by=by, **form.cleaned_data)
        messages.success(request, "Thank you.")
    return redirect("tickets:detail", reference)


def _is_valid(request: UserRequest, form: Form) -> bool:
    """Return whether a small form is filled in; what is wrong is said on the next page."""
    for name, faults in form.errors.items():
        field = form.fields.get(name)
        label = (field.label if field else "") or name.capitalize()
        messages.error(request, f"{label}: {faults[0]}")
    return form.is_valid()
