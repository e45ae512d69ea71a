"""Run restic: on a store over SSH as a partition's user, or on the store itself."""

import errno
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import namedtuple

from .home import write_below

# What another program of the machine needs to find its way; nothing of ours goes along.
ENVIRONMENT = ("PATH", "LANG", "TZ")
PACKAGES = ("restic", "openssh-client")
INSTALL_SECONDS = 300
ASK_SECONDS = 120
LONGEST_SAID = 16 * 1024 * 1024
TAIL = 600
NICE = 10
# How restic ends when it saved all but some files.
INCOMPLETE = 3
SSH = (
    "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
    "-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null",
    "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4",
    "-o", "PasswordAuthentication=no",
)  # fmt: skip

# Who runs a command, where it may keep what it knows, and what names the repository to it.
Access = namedtuple("Access", "owner cache options environment")


class Failed(Exception):
    """restic, or a command beside it, did not do what it was asked."""


def missing():
    """Return the packages without which nothing can be backed up."""
    programs = {"restic": "restic", "openssh-client": "ssh"}
    return [package for package in PACKAGES if not shutil.which(programs[package])]


def install(home):
    """Have what is needed, from Debian where we may.

    Raises:
        Failed: an administrator has to install it.
    """
    lacking = missing()
    if not lacking:
        return
    apt = shutil.which("apt-get")
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *lacking]
    said = ""
    if apt and home.is_privileged():
        for one in (["apt-get", "update"], command):
            done = subprocess.run(
                one,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=INSTALL_SECONDS,
                env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"),
            )
            said = done.stdout.decode("utf-8", "replace")[-TAIL:]
    if missing():
        asked = " ".join(command)
        raise Failed(f"there is no {' and no '.join(lacking)}: run `{asked}`. {said}".strip())


def remote(home, partition, owner, target):
    """Return the access to a repository on another node, with its key in a place of its own.

    Args:
        target: what the document says: repository, address, port, user, host_key, key, password.
    """
    place = cache_of(home, partition, owner)
    write_below(place, "key", target["key"].encode(), 0o600, owner)
    shown = "[{}]:{}".format(target["address"], target["port"])
    names = "{},{}".format(shown, target["address"])
    write_below(place, "known_hosts", f"{names} {target['host_key']}\n".encode(), 0o600, owner)
    ssh = [
        *SSH,
        *("-i", f"{place}/key", "-o", f"UserKnownHostsFile={place}/known_hosts"),
        *("-p", str(target["port"]), "-l", target["user"], target["address"], "-s", "sftp"),
    ]
    environment = {"RESTIC_REPOSITORY": "sftp:store:r", "RESTIC_PASSWORD": target["password"]}
    return Access(owner, str(place), ["-o", "sftp.command=" + " ".join(ssh)], environment)


def cache_of(home, partition, owner):
    """Return the directory, the user's own, in which restic keeps what it knows of a repository."""
    place = home.path / "cache" / partition
    place.parent.mkdir(mode=0o711, exist_ok=True)
    if not place.exists():
        place.mkdir(mode=0o700)
        if owner:
            os.chown(str(place), *owner)
    return place


def local(directory, cache, owner, password):
    """Return the access of the store itself."""
    environment = {"RESTIC_REPOSITORY": str(directory), "RESTIC_PASSWORD": password}
    return Access(owner, str(cache), [], environment)


def run(access, words, directory, seconds=ASK_SECONDS, is_urgent=False):
    """Run restic with these words in a directory; return what it prints.

    Args:
        is_urgent: a service is away until it is done: it yields to nobody.

    Raises:
        Failed: with the end of what it said.
    """
    command = ["restic", *access.options, "--cache-dir", access.cache, *words]
    environment = dict(access.environment, GOMAXPROCS="2")
    nice = 0 if is_urgent else NICE
    code, said, complaint = ended(command, directory, access.owner, environment, seconds, nice=nice)
    if code is None:
        raise Failed(f"restic {words[0]} took longer than {seconds} s")
    if code and not (code == INCOMPLETE and words[0] == "backup" and only_vanished(complaint)):
        why = (complaint or said).strip()[-TAIL:]
        raise Failed(f"restic {words[0]} ended with {code}: {why}")
    return said


def only_vanished(complaint):
    """Return whether a backup met nothing but files that were removed while it looked."""
    errors = [one for one in messages(complaint) if one.get("message_type") == "error"]
    codes = [one["error"].get("Err") for one in errors if isinstance(one.get("error"), dict)]
    return bool(errors) and len(codes) == len(errors) and set(codes) == {errno.ENOENT}


def ended(command, directory, owner, more, seconds, join=None, nice=NICE):
    """Return (exit code or None when its time was over, what it printed, what it complained).

    Args:
        join: what puts the command into its control group.
    """
    environment = {key: os.environ[key] for key in ENVIRONMENT if key in os.environ}
    environment.update(more, HOME=str(directory))

    def become():
        if join:
            join()
        os.nice(nice)
        os.umask(0o027)
        if owner:
            os.setgroups([])
            os.setgid(owner[1])
            os.setuid(owner[0])

    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(
            command,
            cwd=str(directory),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=complained,
            start_new_session=True,
            preexec_fn=become,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _kill(process)
        return code, _content(printed), _content(complained)


def _kill(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _content(file):
    file.seek(0)
    return file.read(LONGEST_SAID).decode("utf-8", "replace")


def messages(said):
    """Return the JSON messages among the lines that restic printed."""
    found = []
    for line in said.splitlines():
        try:
            one = json.loads(line)
        except ValueError:
            continue
        if isinstance(one, dict):
            found.append(one)
    return found


def has_repository(access, directory):
    """Return whether the repository was begun."""
    try:
        run(access, ["cat", "config", "--no-lock"], directory)
    except Failed as failure:
        if "unable to open config file" in str(failure) or "does not exist" in str(failure):
            return False
        raise
    return True
