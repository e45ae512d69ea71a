"""Pages of tickets: ask, answer, close."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.contracts.access import contract_for
from erp.contracts.models import Contract
from erp.contracts.states import State as ContractState
from erp.customers.access import memberships_of, rights_of
from erp.customers.models import Organisation
from erp.customers.states import Right
from erp.tickets import canned, queries, services
from erp.tickets.access import answers, ticket_for
from erp.tickets.forms import CloseForm, Offered, ReplyForm, StaffReplyForm, TicketForm
from erp.tickets.models import MessageFile, Satisfaction, Ticket
from erp.tickets.reading import folded
from erp.tickets.states import State
from erp.tickets.work_forms import ActForm, JudgeForm, LinkForm, MergeForm
from erp.tickets.work_views import route_form

PAGE = 50
EVENTS = 50
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
        wish = canned.wish_of(asked.pop("template"), organisation, files=asked.pop("attached"))
        try:
            ticket = services.open_ticket(organisation, at=now(), by=by, wish=wish, **asked)
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("tickets:detail", ticket.reference)
    facts = {"form": form, "crumbs": [("Tickets", "/tickets/")], "templates": form.templates}
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
    initial: dict[str, str] = {}
    if asked:
        contract = contract_for(request.user, asked, right=Right.WRITE_TICKETS)
        initial = {"service": asked, "organisation": contract.organisation.reference}
        contracts = [contract, *(one for one in contracts if one != contract)]
        own = [contract.organisation, *(one for one in own if one != contract.organisation)]
    if not own:
        raise PermissionDenied
    templates = canned.templates_for(own)
    begun = next((one for one in templates if one.reference == request.GET.get("template")), None)
    if begun:
        initial |= {"subject": begun.subject, "body": begun.body, "template": begun.reference}
    offered = Offered(own, contracts, templates)
    data, files = request.POST or None, request.FILES or None
    return TicketForm(data, files, offered=offered, initial=initial)


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
    return kind(request.POST or None, request.FILES or None)


def _answering(request: UserRequest, ticket: Ticket) -> ReplyForm:
    """Return the form with the canned answer that was asked for, its fields filled in."""
    if not answers(request.user, ticket.organisation):
        return ReplyForm()
    asked = request.GET.get("canned", "")
    body = canned.text(ticket, asked, agent=request.user.get_username()) if asked else ""
    return StaffReplyForm(initial={"body": body})


def _conversation(
    request: UserRequest, ticket: Ticket, form: ReplyForm | None = None
) -> HttpResponse:
    is_staff = answers(request.user, ticket.organisation)
    may_write = Right.WRITE_TICKETS in rights_of(request.user, ticket.organisation)
    may_write = may_write and ticket.merged_into_id is None
    facts: dict[str, Any] = {
        "ticket": ticket,
        "is_staff": is_staff,
        "thread": folded(queries.thread(ticket, is_staff=is_staff)),
        "links": queries.links(ticket, is_staff=is_staff),
        "form": form or (_answering(request, ticket) if may_write else None),
        "may_close": may_write and ticket.state != State.CLOSED,
        "close_form": CloseForm(auto_id="close_%s"),
        "events": queries.events(ticket, is_staff=is_staff)[:EVENTS],
        "crumbs": [("Tickets", "/tickets/")],
    }
    facts |= _for_staff(request, ticket) if is_staff else _for_customer(request, ticket)
    return render(request, "tickets/detail.html", facts, status=422 if form else 200)


def _for_staff(request: UserRequest, ticket: Ticket) -> dict[str, Any]:
    """Return what those who serve see beside the thread."""
    contract = ticket.contract
    rights = rights_of(request.user, ticket.organisation)
    runs = contract is not None and contract.state in (
        ContractState.ACTIVE,
        ContractState.SUSPENDED,
    )
    return {
        "now": now(),
        "canned": canned.of(ticket),
        "route_form": route_form(request, ticket),
        "link_form": LinkForm(auto_id="link_%s"),
        "merge_form": MergeForm(auto_id="merge_%s"),
        "act_form": ActForm(auto_id="act_%s") if runs and Right.MANAGE_SERVICES in rights else None,
        "sees_money": Right.SEE_INVOICES in rights,
        "services": queries.services_of(request.user, ticket.organisation),
        "crumbs": [("Inbox", "/tickets/inbox")],
        "satisfaction": Satisfaction.objects.filter(ticket=ticket).first(),
    }


def _for_customer(request: UserRequest, ticket: Ticket) -> dict[str, Any]:
    """Return the question how it was, once it is closed."""
    said = Satisfaction.objects.filter(ticket=ticket).first()
    is_asked = ticket.state == State.CLOSED and ticket.merged_into_id is None
    initial = {"score": said.score, "words": said.words} if said else {}
    may_judge = is_asked and Right.WRITE_TICKETS in rights_of(request.user, ticket.organisation)
    return {"judge_form": JudgeForm(initial=initial, auto_id="judge_%s") if may_judge else None}


@login_required
@require_GET
def file(request: UserRequest, reference: str) -> HttpResponse:
    """Send a file of a message: always as a download, never shown as a page."""
    rows = MessageFile.objects.visible_to(request.user).select_related("message__ticket")
    found = get_object_or_404(rows, reference=reference)
    ticket = ticket_for(request.user, found.message.ticket.reference, right=Right.SEE)
    if found.message.is_internal and not answers(request.user, ticket.organisation):
        raise Http404
    answer = HttpResponse(bytes(found.content), content_type="application/octet-stream")
    answer.headers["Content-Disposition"] = content_disposition_header(True, found.name) or ""
    return answer


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
    body, files = said.pop("body"), said.pop("attached")
    services.reply(ticket, body, at=now(), by=by, is_staff=is_staff, files=files, **said)
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
