"""Pages of tickets: ask, answer, close."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.base.journal import history
from erp.contracts.access import contract_for
from erp.contracts.models import Contract
from erp.contracts.states import State as ContractState
from erp.customers.access import memberships_of, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.tickets import queries, services
from erp.tickets.access import answers, ticket_for
from erp.tickets.forms import CloseForm, ReplyForm, StaffReplyForm, TicketForm
from erp.tickets.models import Ticket
from erp.tickets.states import State

PAGE = 50
SERVICES = 50
OF_SERVICE = 10


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the tickets that the reader sees, open first."""
    state = request.GET.get("state", "")
    found = queries.after(queries.listed(request.user, state=state), request.GET.get("after", ""))
    rows = list(found[: PAGE + 1])
    more = f"?state={state}&after={queries.position_of(rows[PAGE - 1])}" if len(rows) > PAGE else ""
    facts = {
        "tickets": rows[:PAGE],
        "state": state,
        "states": State.values,
        "next_url": more,
        "may_write": Right.WRITE_TICKETS in request.rights,
    }
    return render(request, "tickets/list.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: UserRequest) -> HttpResponse:
    """Open a ticket; `?service=C-…` says what it is about."""
    form = _ticket_form(request)
    if request.method == "POST" and form.is_valid():
        asked = dict(form.cleaned_data)
        organisation, by = asked.pop("organisation"), request.user.get_username()
        try:
            ticket = services.open_ticket(organisation, at=now(), by=by, **asked)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("tickets:detail", ticket.reference)
    facts = {"form": form, "crumbs": [("Tickets", "/tickets/")]}
    return render(request, "tickets/new.html", facts, status=422 if form.errors else 200)


def _ticket_form(request: UserRequest) -> TicketForm:
    """Return the form with what this reader may choose."""
    own = [
        member.organisation
        for member in memberships_of(request.user)
        if Right.WRITE_TICKETS in member.rights
    ]
    found = Contract.objects.filter(organisation__in=own).exclude(state=ContractState.ENDED)
    contracts = list(found.select_related("organisation").order_by("-pk")[:SERVICES])
    asked = request.GET.get("service", "")
    initial = {}
    if asked:
        contract = contract_for(request.user, asked, right=Right.WRITE_TICKETS)
        initial = {"service": asked, "organisation": contract.organisation.reference}
        contracts = [contract, *(one for one in contracts if one != contract)]
        own = [contract.organisation, *(one for one in own if one != contract.organisation)]
    if not own:
        raise PermissionDenied
    data = request.POST or None
    return TicketForm(data, organisations=own, contracts=contracts, initial=initial)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show the conversation."""
    ticket = ticket_for(request.user, reference, right=Right.SEE)
    return _conversation(request, ticket)


@login_required
@require_GET
def of_contract(request: UserRequest, reference: str) -> HttpResponse:
    """Show the tickets about one service as a fragment, those that go on first."""
    contract = contract_for(request.user, reference, right=Right.SEE)
    found = queries.listed(request.user).filter(contract=contract)[:OF_SERVICE]
    return render(request, "tickets/_of_contract.html", {"tickets": found})


def _reply_form(request: UserRequest, organisation: Organisation) -> ReplyForm:
    kind = StaffReplyForm if answers(request.user, organisation) else ReplyForm
    return kind(request.POST or None)


def _conversation(
    request: UserRequest, ticket: Ticket, form: ReplyForm | None = None
) -> HttpResponse:
    is_staff = answers(request.user, ticket.organisation)
    may_write = Right.WRITE_TICKETS in rights_of(request.user, ticket.organisation)
    facts = {
        "ticket": ticket,
        "thread": queries.thread(ticket, is_staff=is_staff),
        "form": form or (_reply_form(request, ticket.organisation) if may_write else None),
        "may_close": may_write and ticket.state != State.CLOSED,
        "close_form": CloseForm(auto_id="close_%s"),
        "events": history(ticket).order_by("-position"),
        "crumbs": [("Tickets", "/tickets/")],
    }
    return render(request, "tickets/detail.html", facts, status=422 if form else 200)


@login_required
@require_POST
def reply(request: UserRequest, reference: str) -> HttpResponse:
    """Say something; staff may keep it among themselves."""
    ticket = ticket_for(request.user, reference, right=Right.WRITE_TICKETS)
    is_staff = answers(request.user, ticket.organisation)
    if request.POST.get("is_internal") and not is_staff:
        raise PermissionDenied
    form = _reply_form(request, ticket.organisation)
    if not form.is_valid():
        return _conversation(request, ticket, form)
    said = dict(form.cleaned_data)
    by = request.user.get_username()
    services.reply(ticket, said.pop("body"), at=now(), by=by, is_staff=is_staff, **said)
    return redirect("tickets:detail", reference)


@login_required
@require_POST
def close(request: UserRequest, reference: str) -> HttpResponse:
    """End the conversation; a new message opens it again."""
    ticket = ticket_for(request.user, reference, right=Right.WRITE_TICKETS)
    form = CloseForm(request.POST)
    if form.is_valid():
        by = request.user.get_username()
        services.close(ticket, at=now(), by=by, why=form.cleaned_data["why"])
    else:
        messages.error(request, "Say how it ended in at most 300 signs.")
    return redirect("tickets:detail", reference)
