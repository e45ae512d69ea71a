"""Doors that belong to no package: the front page and the health check."""

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from erp.customers.states import Right

# Where each persona starts: the first right that the user has decides.
_STARTS = [
    (Right.OPERATE, "nodes:list"),
    (Right.RUN_BILLING, "billing-runs:list"),
    (Right.ANSWER_TICKETS, "tickets:list"),
    (Right.SEE, "services:list"),
]


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Send everybody to the page where their day starts."""
    rights: frozenset[Right] = request.rights  # type: ignore[attr-defined]
    for right, url_name in _STARTS:
        if right in rights:
            return redirect(url_name)
    return redirect("account_logout")


def healthy(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers: for load balancers and the embedded system."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
