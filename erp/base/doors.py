"""What every door shares: the clock, and the type of a signed-in request."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.timezone import now as _now
from django_htmx.middleware import HtmxDetails

now = _now


def before_key(request: HttpRequest) -> int | None:
    """Return the key in `?before=` after which a list goes on; what is no key is its start."""
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else None


class UserRequest(HttpRequest):
    """A request behind `login_required`."""

    user: User
    htmx: HtmxDetails
    rights: frozenset[str]
