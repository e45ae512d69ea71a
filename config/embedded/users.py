"""Which user a server runs as, and whether that user can read its program."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

# PostgreSQL refuses to run as root; these users exist on a Debian machine.
_SYSTEM_USERS = ("postgres", "nobody")


def server_user() -> str | None:
    """Return the user for servers when we are root, else None: they run as we do."""
    if os.getuid() != 0:
        return None
    for name in _SYSTEM_USERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise RuntimeError(f"None of the users {', '.join(_SYSTEM_USERS)} exists on this machine.")


def give(path: Path, user: str | None, *, mode: int = 0o700) -> None:
    """Make a directory that belongs to the user."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    if user:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)


def can_use(path: Path, user: str | None) -> bool:
    """Return whether the user can read and run what stands there."""
    if user is None:
        return os.access(path, os.R_OK | os.X_OK)
    tried = subprocess.run(
        ["test", "-r", path, "-a", "-x", path], user=user, extra_groups=[], check=False
    )
    return tried.returncode == 0
