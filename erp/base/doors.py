"""What every door shares: the clock, and the type of a signed-in request."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.timezone import now as _now
from django_htmx.middleware import HtmxDetails

now = _now


class UserRequest(HttpRequest):
    """A request behind `login_required`."""

    user: User
    htmx: HtmxDetails
    rights: frozenset[str]
