"""The door of view-as: begin, leave, and the middleware between that lets nothing be changed."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import InternalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from psycopg2.errors import ReadOnlySqlTransaction

from erp.base import scope
from erp.base.doors import UserRequest, now
from erp.customers import viewing
from erp.customers.access import organisation_for
from erp.customers.forms import ViewAsForm
from erp.customers.models import Organisation
from erp.customers.states import Right

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
# What a viewer may do all the same: go, sign out, and choose the colours.
_ALLOWED = ("organisations:leave_view", "account_logout", "ui:theme")


class _WriteRefused(Exception):
    """Roll back what a request read, and answer that it wanted to write."""


class ViewAs:
    """Show a viewer the pages of the customer, read-only by construction."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request of a viewer in a transaction that cannot write."""
        if hasattr(request, "api_token") or viewing.KEY not in request.session:
            return self.get_response(request)
        with scope.everything("reading whose pages are looked at"):
            found = viewing.current(request.user, request.session[viewing.KEY], at=now())
        if found is None:
            del request.session[viewing.KEY]
            messages.info(request, "The view as a customer has ended: you see your own pages.")
            return self.get_response(request)
        request.viewing = found  # type: ignore[attr-defined]
        if request.path in map(reverse, _ALLOWED):
            return self.get_response(request)
        with scope.everything("reading the rights of the viewer"):
            viewing.look_through(request.user, found)  # type: ignore[arg-type]
        if request.method not in _HARMLESS:
            return _refusal(request)
        try:
            return self._read(request)
        except _WriteRefused:
            return _refusal(request)

    def _read(self, request: HttpRequest) -> HttpResponse:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            response = self.get_response(request)
            if getattr(request, "write_refused", False):
                raise _WriteRefused
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Remember that a view wanted to write; the transaction is rolled back above."""
        is_write = isinstance(error, InternalError) and isinstance(
            error.__cause__, ReadOnlySqlTransaction
        )
        if not (is_write and hasattr(request, "viewing")):
            return None
        request.write_refused = True  # type: ignore[attr-defined]
        return HttpResponse(status=403)


def _refusal(request: HttpRequest) -> HttpResponse:
    return render(request, "organisations/only_viewing.html", status=403)


@login_required
@require_POST
def view_as(request: UserRequest, reference: str) -> HttpResponse:
    """Begin to look at a customer's pages, for a reason that the customer reads."""
    found = organisation_for(request.user, reference, right=Right.ANSWER_TICKETS)
    if not viewing.may_view_as(request.user, found):
        raise PermissionDenied
    form = ViewAsForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why you look, in at most 200 signs: the customer reads it.")
        return redirect("organisations:detail", reference)
    by, why = request.user.get_username(), form.cleaned_data["why"]
    request.session[viewing.KEY] = viewing.begin(found, at=now(), by=by, why=why)
    return redirect("organisations:detail", reference)


@login_required
@require_POST
def leave_view(request: UserRequest) -> HttpResponse:
    """Go back to one's own pages."""
    kept = request.session.pop(viewing.KEY, None)
    found = Organisation.objects.filter(pk=kept["organisation"]).first() if kept else None
    if found is None:
        return redirect("home")
    viewing.leave(found, at=now(), by=request.user.get_username())
    return redirect("organisations:detail", found.reference)
