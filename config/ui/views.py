"""Doors of the design layer: choosing a theme without script, and the gallery."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from config.ui import samples
from config.ui.context import THEMES

_YEAR = 31_536_000


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Remember the theme in a cookie and go back; anything but light and dark forgets it."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = redirect(back)
    chosen = request.POST.get("theme", "")
    if chosen in THEMES:
        response.set_cookie("theme", chosen, max_age=_YEAR, samesite="Lax")
    else:
        response.delete_cookie("theme")
    return response


def gallery(request: HttpRequest) -> HttpResponse:
    """Show every component in its states, to those who build pages."""
    staff = bool(getattr(request.user, "is_staff", False))
    if not (settings.DEBUG or staff):
        raise Http404
    return render(request, "components/gallery.html", samples.everything(request))
