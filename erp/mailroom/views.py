"""Pages of the mails that came in: why one was set aside, and where it belongs."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from erp.base.doors import UserRequest, before_key, now
from erp.base.errors import DomainError
from erp.customers.access import organisation_for
from erp.customers.states import Right
from erp.mailroom import parsing, services
from erp.mailroom.access import mail_for, mails_for
from erp.mailroom.forms import DismissForm, PlaceForm
from erp.mailroom.models import IncomingMail
from erp.mailroom.states import State
from erp.tickets.models import Ticket

PAGE = 50
CRUMBS = [("Inbox", "/tickets/inbox"), ("Mails that came in", "/mails-in/")]


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show the mails that were set aside, or all, newest first."""
    state, before = request.GET.get("state", State.ASIDE), before_key(request)
    found = mails_for(request.user)
    if state in State.values:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    facts = {
        "mails": rows[:PAGE],
        "state": state,
        "states": State.choices,
        "next_before": rows[PAGE - 1].pk if len(rows) > PAGE else "",
        "crumbs": CRUMBS[:1],
    }
    return render(request, "mailroom/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one mail as it reads."""
    mail = mail_for(request.user, reference)
    try:
        parsed = parsing.parse(bytes(mail.raw)) if mail.raw is not None else None
    except DomainError:
        parsed = None
    facts = {
        "mail": mail,
        "parsed": parsed,
        "is_aside": mail.state == State.ASIDE,
        "place_form": PlaceForm(auto_id="place_%s"),
        "dismiss_form": DismissForm(auto_id="dismiss_%s"),
        "crumbs": CRUMBS,
    }
    return render(request, "mailroom/detail.html", facts)


@login_required
@require_POST
def again(request: UserRequest, reference: str) -> HttpResponse:
    """See to a mail once more, after its sender was made a member."""
    mail = mail_for(request.user, reference)
    services.see_to(mail, at=now())
    if mail.state == State.ASIDE:
        messages.error(request, f"It stays here: {mail.state_reason}")
    return redirect("mailroom:detail", reference)


@login_required
@require_POST
def place(request: UserRequest, reference: str) -> HttpResponse:
    """Put a mail into a ticket, or open one with it."""
    mail, form = mail_for(request.user, reference), PlaceForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write the reference of a ticket or of a customer.")
        return redirect("mailroom:detail", reference)
    ticket = _placed(request, mail, form.cleaned_data["name"].strip().upper())
    return redirect("tickets:detail", ticket.reference)


def _placed(request: UserRequest, mail: IncomingMail, name: str) -> Ticket:
    by = request.user.get_username()
    if name.startswith("O-"):
        organisation = organisation_for(request.user, name, right=Right.ANSWER_TICKETS)
        return services.open_for(mail, organisation, at=now(), by=by)
    ticket = get_object_or_404(Ticket.objects.visible_to(request.user), reference=name)
    services.put_into(mail, ticket, at=now(), by=by)
    return ticket


@login_required
@require_POST
def dismiss(request: UserRequest, reference: str) -> HttpResponse:
    """Decide that nothing is done about a mail."""
    mail, form = mail_for(request.user, reference), DismissForm(request.POST)
    if form.is_valid():
        by, why = request.user.get_username(), form.cleaned_data["why"]
        services.dismiss(mail, at=now(), by=by, why=why)
    else:
        messages.error(request, "Say why nothing is done about it.")
    return redirect("mailroom:detail", reference)
