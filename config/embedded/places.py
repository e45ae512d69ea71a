"""Where the embedded system keeps its things."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.embedded.users import can_use, server_user

ROOT = Path(__file__).resolve().parents[2]
# A Unix socket's path has at most 107 bytes; the longest name we put behind it is this long.
_LONGEST_PATH = 107
_LONGEST_NAME = len("/.s.PGSQL.5432")


@dataclass(frozen=True, slots=True)
class Places:
    """Directories below `var/`.

    Args:
        servers: where servers that run as another user keep theirs: `var/`, when they may go there.
    """

    var: Path
    servers: Path

    @property
    def logs(self) -> Path:
        """One log per service."""
        return self.var / "log"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory."""
        return self.servers / "postgres"

    @property
    def redis(self) -> Path:
        """The queue's files."""
        return self.var / "redis"

    @property
    def node(self) -> Path:
        """The local compute node."""
        return self.var / "node"

    @property
    def agent_home(self) -> Path:
        """The local node's agent: partitions' users must be able to pass through to it."""
        return self.servers / "agent"

    @property
    def sockets(self) -> Path:
        """Where servers listen: below `var/`, or in a short place when that path is too long."""
        here = self.servers / "run"
        if len(os.fsencode(here)) + _LONGEST_NAME <= _LONGEST_PATH:
            return here
        name = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tenantry-{os.getuid()}-{name}"


def places(var: Path) -> Places:
    """Return the places below `var`, which is made when it is missing.

    As root the database server runs as another user; where that user may not enter `var` (a clone
    below /root), the server's files go to a directory of their own.
    """
    var.mkdir(parents=True, exist_ok=True)
    user = server_user()
    if can_use(var, user):
        return Places(var=var, servers=var)
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    servers = Path("/var/tmp") / f"tenantry-{name}"  # noqa: S108  (0755, root's own)
    servers.mkdir(mode=0o755, exist_ok=True)
    if servers.stat().st_uid != os.getuid() or servers.is_symlink():
        raise RuntimeError(f"{servers} belongs to somebody else: remove it.")
    return Places(var=var, servers=servers)
