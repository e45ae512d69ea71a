"""Where the agent keeps its things on a node."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

# A Unix socket's path has at most 107 bytes.
LONGEST_SOCKET = 107


class Home:
    """The agent's directory and what lies where in it."""

    def __init__(self, path):
        self.path = Path(path).resolve()
        self.state = self.path / "state"
        self.releases = self.path / "releases"
        self.partitions = self.path / "partitions"
        self.logs = self.path / "log"
        self.agent = self.path / "agent.zip"
        self.supervisor = self.path / "supervisor"

    @property
    def run(self):
        """Sockets and locks; in a short place when the path would be too long for a socket."""
        here = self.path / "run"
        if len(os.fsencode(here / "supervisor.sock")) <= LONGEST_SOCKET:
            return here
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"tenantry-{os.getuid()}-{name}"

    @property
    def socket(self):
        """Where the resident agent listens."""
        return self.run / "agent.sock"

    @property
    def supervisor_socket(self):
        """Where supervisord listens."""
        return self.run / "supervisor.sock"

    def identity(self):
        """Return what the bootstrap wrote: node, users, ports."""
        return read_json(self.state / "identity.json", {})

    def is_privileged(self):
        """Return whether partitions run under users of their own."""
        return os.geteuid() == 0

    def make(self):
        """Make the directories; partitions' users may pass through, not look around."""
        for path, mode in (
            (self.path, 0o711),
            (self.state, 0o700),
            (self.logs, 0o700),
            (self.run, 0o711),
            (self.releases, 0o755),
            (self.partitions, 0o711),
        ):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)


def version(source):
    """Return the agent's version: the hash of its zip."""
    return hashlib.sha256(Path(source).read_bytes()).hexdigest()


def read_json(path, default):
    """Return what a file holds; the default when it is missing or was never finished."""
    try:
        return json.loads(Path(path).read_text())
    except (FileNotFoundError, ValueError):
        return default


def write_json(path, content, mode=0o600):
    """Write a file as a whole or not at all."""
    write_bytes(path, json.dumps(content, sort_keys=True).encode(), mode)


def write_bytes(path, content, mode=0o600, owner=None):
    """Write a file as a whole or not at all, on disk before it has its name."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=str(path.parent), prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, str(path))
    except BaseException:
        if os.path.exists(name):
            os.unlink(name)
        raise
