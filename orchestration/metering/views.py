"""Fragments of usage."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base.doors import UserRequest, now
from erp.customers.states import Right
from orchestration.instances.access import line_for
from orchestration.metering import queries
from orchestration.nodes.counting import of_accuracy


@login_required
@require_GET
def of_line(request: UserRequest, pk: int) -> HttpResponse:
    """Return the usage charts of one contract line over an hour, a day, a month or a year."""
    line = line_for(request.user, pk, right=Right.SEE)
    asked = request.GET.get("range", "day")
    name = asked if asked in queries.RANGES else "day"
    found = queries.series(line=line.pk, name=name, at=now())
    facts = {
        "line": line,
        "series": [(one, of_accuracy(one.accuracy)) for one in found],
        "range": name,
        "ranges": list(queries.RANGES),
    }
    return render(request, "metering/_of_line.html", facts)
