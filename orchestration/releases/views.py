"""Pages of software releases."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from erp.base.doors import UserRequest
from erp.customers.states import Right
from orchestration.releases.access import release_for
from orchestration.releases.profile import schema
from orchestration.releases.queries import with_places

MOST = 200


@login_required
@require_GET
def listing(request: UserRequest) -> HttpResponse:
    """Show which releases are published and on how many nodes each is ready."""
    if Right.OPERATE not in request.rights:
        raise PermissionDenied
    releases = with_places(request.user)[:MOST]
    return render(request, "releases/list.html", {"releases": releases})


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one release: its software types and where it is installed."""
    release = release_for(request.user, reference)
    facts = {
        "release": release,
        "types": release.profile["types"],
        "places": release.places.select_related("node").order_by("node__name")[:MOST],
        "crumbs": [("Releases", "/releases/")],
    }
    return render(request, "releases/detail.html", facts)


@require_GET
def software_schema(request: HttpRequest) -> HttpResponse:
    """Show anybody the JSON Schema of `software.toml`: editors complete and check with it."""
    shown = dict(schema()) | {"$id": request.build_absolute_uri()}
    return JsonResponse(shown, content_type="application/schema+json")
