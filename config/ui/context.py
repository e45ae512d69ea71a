"""What the shell shows around every page: navigation, scope, theme, version."""

import tomllib
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from config.ui.navigation import Group, groups_for
from erp.customers.access import brand_served_to
from erp.customers.models import Brand

THEMES = ("light", "dark")


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return `shell`; its parts are worked out only when the template asks for them."""
    return {"shell": Shell(request)}


class Shell:
    """The frame around a page for one request."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def theme(self) -> str:
        """Return the chosen theme, or nothing to follow the system."""
        chosen = self._request.COOKIES.get("theme", "")
        return chosen if chosen in THEMES else ""

    @property
    def navigation(self) -> tuple[Group, ...]:
        """Return the links that this reader may open."""
        rights: frozenset[str] = getattr(self._request, "rights", frozenset())
        return groups_for(frozenset(map(str, rights)), self._request.path)

    @cached_property
    def brand(self) -> Brand | None:
        """Return the brand under which the reader is served."""
        user = getattr(self._request, "user", None)
        return brand_served_to(user) if user and hasattr(user, "_memberships") else None

    @property
    def scope(self) -> str:
        """Return the name of the organisation in which the reader works."""
        members = getattr(getattr(self._request, "user", None), "_memberships", [])
        names = [str(member.organisation.name) for member in members]
        return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)

    @property
    def roles(self) -> str:
        """Return what the reader is in that organisation."""
        members = getattr(getattr(self._request, "user", None), "_memberships", [])
        return ", ".join(sorted({str(member.get_role_display()) for member in members}))

    @property
    def version(self) -> str:
        """Return the version of the product."""
        return product_version()


@cache
def product_version() -> str:
    """Return the version that the project declares; the code runs from its checkout."""
    declared = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text())
    return str(declared["project"]["version"])
