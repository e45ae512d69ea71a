"""Pages of mails: what was sent, and what a member wants to get."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from erp.base import scope
from erp.base.doors import UserRequest, before_key, now
from erp.customers.access import memberships_of
from erp.customers.models import Member
from erp.outbox import letters, queries, services
from erp.outbox.access import mail_for
from erp.outbox.forms import PreferencesForm
from erp.outbox.states import TOPIC_WORDS, State, Topic

PAGE = 50


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show what was sent to the organisations that the reader answers for, newest first."""
    if not queries.LOG_READERS & request.rights:
        raise PermissionDenied
    state, organisation = request.GET.get("state", ""), request.GET.get("organisation", "")[:12]
    found = queries.listed(request.user, state=state, organisation=organisation)
    before = before_key(request)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    facts = {
        "mails": rows[:PAGE],
        "state": state,
        "organisation": organisation,
        "states": State.choices,
        "more_before": rows[PAGE - 1].pk if len(rows) > PAGE else "",
    }
    return render(request, "mails/list.html", facts)


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one mail as it was sent, and how far it came."""
    mail = mail_for(request.user, reference)
    facts = {
        "mail": mail,
        "may_send_again": services.is_ended(mail),
        "crumbs": [("Sent mails", "/mails/")],
    }
    return render(request, "mails/detail.html", facts)


@login_required
@require_POST
def send_again(request: UserRequest, reference: str) -> HttpResponse:
    """Let a mail leave once more."""
    mail = mail_for(request.user, reference)
    services.send_again(mail, at=now(), by=request.user.get_username())
    messages.success(request, f"It leaves for {mail.recipient} within seconds.")
    return redirect("mails:detail", reference)


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: UserRequest) -> HttpResponse:
    """Choose what to get by mail, for each organisation that the reader is a member of."""
    forms = [_preferences_form(request, one) for one in memberships_of(request.user)]
    if request.method == "POST" and all(form.is_valid() for form in forms):
        for form in forms:
            for topic in TOPIC_WORDS:
                services.prefer(form.member, topic, is_wanted=form.cleaned_data[topic])
        messages.success(request, "Saved.")
        return redirect("mails:preferences")
    return render(request, "mails/preferences.html", {"forms": forms})


def _preferences_form(request: UserRequest, member: Member) -> PreferencesForm:
    wanted = [topic for topic in TOPIC_WORDS if queries.wanted([member], topic)]
    return PreferencesForm(member, wanted, request.POST if request.method == "POST" else None)


# Mail programs post to it by themselves (RFC 8058): the signed link is the permission.
@csrf_exempt
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    """Stop mails of one topic by the link in a mail, without signing in; asked for by POST."""
    try:
        member_pk, topic = letters.read_token(request.GET.get("token", ""))
    except (signing.BadSignature, ValueError, TypeError):
        return render(request, "mails/leave.html", {"is_broken": True}, status=404)
    with scope.everything("a signed link speaks for one member"):
        member = Member.objects.select_related("organisation").filter(pk=member_pk).first()
        if member and topic in Topic.values and request.method == "POST":
            services.prefer(member, topic, is_wanted=False)
    facts = {
        "is_broken": member is None or topic not in Topic.values,
        "member": member,
        "words": TOPIC_WORDS.get(topic, ""),
        "is_done": request.method == "POST",
    }
    return render(request, "mails/leave.html", facts)
