"""Fragments of usage."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base.doors import UserRequest, now
from erp.base.periods import Period
from erp.customers.states import Right
from orchestration.instances.access import line_for
from orchestration.metering import queries

RANGES = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=30)}


@login_required
@require_GET
def of_line(request: UserRequest, pk: int) -> HttpResponse:
    """Return the usage charts of one contract line over an hour, a day or a month."""
    line = line_for(request.user, pk, right=Right.SEE)
    name = request.GET.get("range", "day")
    length = RANGES.get(name, RANGES["day"])
    end = now()
    found = queries.series(line=line.pk, period=Period(end - length, end))
    facts = {"line": line, "series": found, "range": name, "ranges": list(RANGES)}
    return render(request, "metering/_of_line.html", facts)
