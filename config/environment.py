"""Read the process environment; a missing or odd value stops the start with its name."""

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """Return the variable, or the default; without a default it must be set."""
    value = os.environ.get(name, default)
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set: see docs/operations.md")
    return value


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no variable."""
    value = os.environ.get(name, "yes" if default else "no").lower()
    if value not in {"yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}")
    return value == "yes"


def one_of(name: str, words: Sequence[str]) -> str:
    """Return a variable that is one of these words; the first when it is not set."""
    value = os.environ.get(name, words[0])
    if value not in words:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(words)}, not {value!r}")
    return value


def whole(name: str, default: int) -> int:
    """Return a whole number."""
    value = os.environ.get(name, str(default))
    if not value.isdigit():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}")
    return int(value)


def place(name: str) -> str:
    """Return `host:port`, or "" when it is not set; the host may be `[IPv6]`."""
    value = os.environ.get(name, "")
    if value and not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", value):
        raise ImproperlyConfigured(f"{name} must look like host:port, not {value!r}")
    return value


def words(name: str, default: str) -> list[str]:
    """Return a comma-separated list."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def key(name: str) -> bytes:
    """Return 32 bytes given as base64url."""
    try:
        raw = base64.urlsafe_b64decode(text(name).encode())
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured(f"{name} must be 32 bytes in base64url") from error
    if len(raw) != 32:
        raise ImproperlyConfigured(f"{name} must be 32 bytes in base64url, not {len(raw)}")
    return raw


def database(name: str) -> dict[str, Any]:
    """Return Django's settings for `postgresql://user:password@host:port/name?host=/socket/dir`."""
    parts = urlsplit(text(name))
    query: Mapping[str, list[str]] = parse_qs(parts.query)
    if parts.scheme not in {"postgresql", "postgres"} or len(parts.path) < 2:
        raise ImproperlyConfigured(f"{name} must look like postgresql://user:password@host/name")
    return {
        "ENGINE": "erp.base.postgres",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [parts.hostname or ""])[0],
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "application_name": "tenantry"},
    }
