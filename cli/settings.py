"""Where the command line finds its server and its token: the environment, then a file of 0600."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import click


@dataclass(frozen=True, slots=True)
class Login:
    """A server and who we are there."""

    url: str
    token: str


class NotLoggedIn(click.ClickException):
    """No server is known yet."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__("Log in first: tenantry login https://portal.example")


def path() -> Path:
    """Return the file that keeps the login."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(os.environ.get("TENANTRY_CONFIG") or Path(home) / "tenantry" / "login.json")


def known() -> Login:
    """Return the login.

    Raises:
        NotLoggedIn: there is none, or its file is no such file.
    """
    url, token = os.environ.get("TENANTRY_URL"), os.environ.get("TENANTRY_TOKEN")
    if url and token:
        return Login(url, token)
    try:
        kept = json.loads(path().read_text())
        return Login(str(kept["url"]), str(kept["token"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotLoggedIn from error


def keep(login: Login) -> Path:
    """Keep a login where only its owner reads it."""
    place = path()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = place.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": login.url, "token": login.token}, file)
    fresh.replace(place)
    return place


def forget() -> None:
    """Forget the login."""
    path().unlink(missing_ok=True)
