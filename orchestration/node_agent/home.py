"""Where the agent keeps its things on a node."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import tempfile
import uuid
from pathlib import Path

# A Unix socket's path has at most 107 bytes.
LONGEST_SOCKET = 107
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


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


def read_plain(path, most):
    """Return the first bytes of a plain file, or None when it is anything else.

    For files in partitions: a link leads nowhere, a pipe is not waited for, and what is too large
    is not read.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(str(path), "rb", opener=lambda name, _: os.open(name, flags)) as file:
            facts = os.fstat(file.fileno())
            # Of two names of one file, the other may be where its owner could not read it.
            is_plain = stat.S_ISREG(facts.st_mode) and facts.st_nlink == 1
            return file.read(most) if is_plain else None
    except OSError:
        return None


def remove_tree(path):
    """Remove a directory with all that is in it, however deep somebody made it."""
    done = subprocess.run(
        ["rm", "-rf", "--", str(path)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if done.returncode:
        raise OSError("cannot remove: " + done.stderr.decode("utf-8", "replace")[-300:])


def write_json(path, content, mode=0o600):
    """Write a file as a whole or not at all."""
    write_bytes(path, json.dumps(content, sort_keys=True).encode(), mode)


def write_bytes(path, content, mode=0o600, owner=None):
    """Write a file as a whole or not at all, on disk before it has its name."""
    path = Path(path)
    place = os.open(str(path.parent), _FOLDER & ~os.O_NOFOLLOW)
    try:
        _write_in(place, path.name, content, mode, owner)
    finally:
        os.close(place)


def write_below(root, path, content, mode, owner):
    """Write a file in a directory that is somebody else's; folders on the way are made.

    Each folder is held open, and none is a link: whoever changes them meanwhile leads us nowhere.
    """
    *folders, name = path.split("/")
    place = os.open(str(root), _FOLDER)
    try:
        for folder in folders:
            below = _opened(place, folder, owner)
            os.close(place)
            place = below
        _write_in(place, name, content, mode, owner)
    finally:
        os.close(place)


def _opened(place, folder, owner):
    """Return a folder, made when there is none; what has its name and is none goes."""
    try:
        return os.open(folder, _FOLDER, dir_fd=place)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        os.unlink(folder, dir_fd=place)
    os.mkdir(folder, 0o750, dir_fd=place)
    below = os.open(folder, _FOLDER, dir_fd=place)
    if owner is not None:
        os.fchown(below, *owner)
    return below


def _write_in(place, name, content, mode, owner):
    part = ".new-" + uuid.uuid4().hex
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(part, flags, 0o600, dir_fd=place)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), *owner)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, name, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        try:
            os.unlink(part, dir_fd=place)
        except FileNotFoundError:
            pass
        raise
