"""What the embedded system tells its programs: the variables that `config.settings` reads."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from config.embedded import node, postgres, valkey
from config.embedded.places import ROOT, Places


def environment(places: Places, *, port: int) -> dict[str, str]:
    """Return the environment of web, workers and commands.

    What the caller's environment sets already (DATABASE_URL, REDIS_URL, SECRET_KEY, …) stays.
    """
    own = {
        "DATABASE_URL": postgres.url(postgres.APP, places),
        "DATABASE_OWNER_URL": postgres.url(postgres.OWNER, places),
        "REDIS_URL": valkey.url(places),
        "SECRET_KEY": _kept(places.var / "secret-key", secrets.token_urlsafe(50)),
        "TENANTRY_FIELD_KEY": _kept(places.var / "field-key", _key()),
        "TENANTRY_HOSTS": "127.0.0.1,localhost",
        "TENANTRY_DATA_DIR": str(places.var / "data"),
        "TENANTRY_PORTAL": f"http://127.0.0.1:{port}",
        "TENANTRY_NODE_DOOR": f"127.0.0.1:{node.door_port_of(places)}",
        "TENANTRY_NODE_DIR": str(places.node),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    return own | _given(os.environ)


def _given(outer: Mapping[str, str]) -> dict[str, str]:
    """Keep the caller's environment; both database roles come from it, or none."""
    if "DATABASE_URL" in outer and "DATABASE_OWNER_URL" not in outer:
        raise SystemExit(
            "DATABASE_URL is set and DATABASE_OWNER_URL is not: the application's role and the "
            "owner of the tables are two roles (docs/operations.md)."
        )
    return dict(outer)


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _kept(path: Path, made: str) -> str:
    """Return the secret in the file; the first start writes it, readable by its owner only."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made)
    except FileExistsError:
        return path.read_text().strip()
    return made
