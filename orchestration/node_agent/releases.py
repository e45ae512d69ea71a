"""Build software releases: once per node, into a directory named by content."""

import base64
import hashlib
import io
import os
import pwd
import resource
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections import namedtuple

from . import limits
from .backoff import Backoff
from .facts import memory_bytes
from .fill import fill
from .home import write_bytes
from .metering import disk_bytes

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 2000
LARGEST_FILE = 2 * 1024**3
TAIL = 4000
LOOK_SECONDS = 0.5
# Of a log that became longer than the one, the end is kept as long as the other.
LONGEST_LOG = 4 * 1024**2
KEPT_LOG = 1024**2
KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
KEPT_PREFIXES = ("PIP_",)

_PIP = ["python3", "-m", "pip"]
_LOCKED = ["--require-hashes", "--requirement", "{source}/requirements.txt"]
_QUIET = ["--quiet", "--disable-pip-version-check", "--no-cache-dir"]
# Everything comes from the wheels that the release locks, nothing from the system's packages (-S).
# What is built is moved to its name in the end, so scripts find their parts from where they stand.
BUILDOUT = (
    [*_PIP, "download", *_QUIET, "--only-binary=:all:", "--dest={build}/wheels", *_LOCKED],
    [
        *[*_PIP, "install", *_QUIET, "--no-index", "--find-links={build}/wheels"],
        *["--target={build}/buildout", *_LOCKED],
    ],
    [
        *["env", "PYTHONPATH={build}/buildout", "python3", "-S", "-c"],
        *["from zc.buildout.buildout import main; main()", "-c", "{source}/{profile}"],
        *["buildout:directory={build}", "buildout:find-links={build}/wheels"],
        *["buildout:index=file://{build}/wheels", "buildout:allow-hosts="],
        *["buildout:newest=false", "buildout:relative-paths=true"],
    ],
)


# Until when, on the monotonic clock, and how many bytes on disk.
Bounds = namedtuple("Bounds", "until disk_bytes")


class Command(namedtuple("Command", "words place environment log owner")):
    """One command of a build."""

    def __str__(self):
        return " ".join(self.words[:3])


class BadArchive(Exception):
    """The archive is not what its name says, or would write outside."""


class Releases:
    """What is built here, what is under way, and what failed and when it is tried again."""

    def __init__(self, home, cgroups):
        self.home = home
        self.cgroups = cgroups
        self.threads = {}
        self.failures = {}

    def path(self, uid):
        """Return where a built release stands."""
        return self.home.releases / uid

    def archive(self, uid):
        """Return where the archive waits to be built."""
        return self.home.state / ("release-" + uid + ".tar.gz")

    def missing(self, uids):
        """Return the releases that the Master must send."""
        return [u for u in uids if not self.path(u).exists() and not self.archive(u).exists()]

    def accept(self, uid, encoded):
        """Keep an archive that the Master sent; its name must be its content."""
        content = base64.b64decode(encoded)
        if hashlib.sha256(content).hexdigest() != uid:
            raise BadArchive(f"release {uid[:12]} has another checksum")
        write_bytes(self.archive(uid), content)

    def state(self, uid):
        """Return (state, reason, log tail) of one release."""
        if self.path(uid).exists():
            return "ready", "", ""
        if uid in self.threads and self.threads[uid].is_alive():
            return "building", "", self._tail(uid)
        if uid in self.failures:
            return "failed", self.failures[uid].reason, self._tail(uid)
        return "waiting", "", ""

    def ensure(self, release):
        """Have a release built: starts a build unless it is there, under way, or backing off."""
        uid = release["uid"]
        if self.path(uid).exists() or not self.archive(uid).exists():
            return
        thread = self.threads.get(uid)
        if thread is not None and thread.is_alive():
            return
        if uid in self.failures and not self.failures[uid].is_due():
            return
        thread = threading.Thread(target=self._build, args=(release,), daemon=True)
        self.threads[uid] = thread
        thread.start()

    def prune(self, wanted):
        """Remove releases that nothing wants any more, and what is left of their builds."""
        busy = {uid for uid, thread in self.threads.items() if thread.is_alive()}
        kept = busy | set(wanted)
        for path in self.home.releases.iterdir():
            if path.name.replace(".build-", "", 1) not in kept:
                shutil.rmtree(str(path), ignore_errors=True)
        for path in self.home.state.glob("release-*.tar.gz"):
            if path.name[len("release-") : -len(".tar.gz")] not in kept:
                path.unlink()
        for uid in set(self.failures) - set(wanted):
            del self.failures[uid]

    def _build(self, release):
        uid = release["uid"]
        place = self.home.releases / (".build-" + uid)
        try:
            # An agent that was killed leaves its build behind.
            self.cgroups.end(_group(uid))
            shutil.rmtree(str(place), ignore_errors=True)
            self._unpack(uid, place)
            owner = self._owner()
            if owner:
                give(place, owner)
            self._run_commands(release, place, owner)
            if owner:
                give(place, (0, 0))
            os.rename(str(place), str(self.path(uid)))
            self.archive(uid).unlink()
            self.failures.pop(uid, None)
        except Exception as error:
            # Whatever it was: it is said, and tried again later and later.
            self.failures.setdefault(uid, Backoff()).failed(str(error)[:500])
            shutil.rmtree(str(place), ignore_errors=True)

    def _unpack(self, uid, place):
        source = place / "source"
        source.mkdir(parents=True)
        place.chmod(0o755)
        content = self.archive(uid).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as tar:
            size = 0
            for number, entry in enumerate(tar):
                target = (source / entry.name).resolve()
                inside = str(target).startswith(str(source.resolve()) + os.sep)
                size += entry.size
                if not entry.isfile() or not inside or number > MOST_FILES or size > MOST_BYTES:
                    raise BadArchive("the archive holds something odd: " + entry.name[:100])
                target.parent.mkdir(parents=True, exist_ok=True)
                data = tar.extractfile(entry)
                target.write_bytes(data.read())
                target.chmod(0o755 if entry.mode & 0o100 else 0o644)

    def _owner(self):
        """Return (uid, gid) of the user that builds, or None when we are not root."""
        name = self.home.identity().get("build_user")
        if not name or not self.home.is_privileged():
            return None
        user = pwd.getpwnam(name)
        return user.pw_uid, user.pw_gid

    def _run_commands(self, release, place, owner):
        build = release["profile"].get("build", {})
        bounds = Bounds(
            time.monotonic() + build.get("seconds", 600),
            build.get("disk_bytes", limits.BUILD_DISK_BYTES),
        )
        values = {"build": str(place), "source": str(place / "source")}
        commands = [*build.get("commands", [])]
        if "buildout" in build:
            values["profile"] = build["buildout"]
            commands = [*BUILDOUT, *commands]
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in KEPT or name.startswith(KEPT_PREFIXES)
        }
        environment["HOME"] = str(place)
        # What it puts aside counts as well, and is gone with it.
        environment["TMPDIR"] = str(place / ".tmp")
        (place / ".tmp").mkdir()
        if owner:
            give(place / ".tmp", owner)
        self._log(release["uid"]).unlink(missing_ok=True)
        with self._log(release["uid"]).open("ab") as log:
            for command in commands:
                filled = [fill(part, values) for part in command]
                log.write(("$ " + " ".join(filled) + "\n").encode())
                log.flush()
                self._run(Command(filled, place, environment, log, owner), bounds)
        for name in (".cache", ".config", ".tmp"):
            shutil.rmtree(str(place / name), ignore_errors=True)

    def _run(self, command, bounds):
        group = _group(command.place.name)
        most = limits.of_build(memory_bytes())
        self.cgroups.make(group, most)

        def become():
            self.cgroups.join(group)
            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
            if command.owner:
                # Of all builds together: they run as one user.
                resource.setrlimit(resource.RLIMIT_NPROC, (most["processes"],) * 2)
                os.setgroups([])
                os.setgid(command.owner[1])
                os.setuid(command.owner[0])

        process = subprocess.Popen(
            command.words,
            cwd=str(command.place),
            env=command.environment,
            stdin=subprocess.DEVNULL,
            stdout=command.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=become,
        )
        try:
            code = _watched(process, command, bounds)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            # What left the group of the command is still in that of the build.
            self.cgroups.end(group)
            process.wait()
        if code:
            raise BadArchive(f"the build failed: {command} ended with {code}")

    def _log(self, uid):
        return self.home.logs / ("build-" + uid[:16] + ".log")

    def _tail(self, uid):
        log = self._log(uid)
        return log.read_bytes()[-TAIL:].decode("utf-8", "replace") if log.exists() else ""


def _group(uid):
    """Return the control group of a build."""
    return "build-" + uid[-12:]


def _watched(process, command, bounds):
    """Return how a command ended that stayed within its bounds.

    Raises:
        BadArchive: it took too long, or holds too much.
    """
    pause = LOOK_SECONDS
    while True:
        left = bounds.until - time.monotonic()
        try:
            return process.wait(max(0.1, min(pause, left)))
        except subprocess.TimeoutExpired:
            pass
        if left <= 0:
            raise BadArchive(f"the build took too long: {command}")
        began = time.monotonic()
        _shorten(command.log)
        held = disk_bytes(command.place)
        if held > bounds.disk_bytes:
            raise BadArchive(
                f"the build holds {held:,} bytes, it may hold {bounds.disk_bytes:,}: {command}"
            )
        # Looking takes a small part of the time, however many files there are.
        pause = max(LOOK_SECONDS, 20 * (time.monotonic() - began))


def _shorten(log):
    """Keep the end of a log that has become long; who writes it goes on at its new end."""
    size = os.fstat(log.fileno()).st_size
    if size > LONGEST_LOG:
        with open(log.name, "rb") as written:
            written.seek(size - KEPT_LOG)
            end = written.read(KEPT_LOG)
        os.ftruncate(log.fileno(), 0)
        log.write(end)
        log.flush()


def give(tree, owner):
    """Give a tree to a user, links themselves and not what they point to."""
    os.chown(str(tree), *owner)
    for directory, folders, files in os.walk(str(tree)):
        for name in folders + files:
            os.lchown(os.path.join(directory, name), *owner)
