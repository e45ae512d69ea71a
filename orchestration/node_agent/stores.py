"""Keep the repositories of other nodes: each behind a key of its own that may only add.

What is too old goes by the store's own hand, by when it was received here: the node that wrote a
snapshot has no say in which are kept.
"""

import fcntl
import json
import logging
import os
import pwd
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

from . import restic, vault
from .backoff import Backoff
from .clock import clock
from .home import read_json, remove_tree, write_bytes, write_json

MEASURE_SECONDS = 60
TEND_SECONDS = 4 * 3600
# How long the store waits for a backup that is under way before it tries again.
WAIT_SECONDS = 30
MOST_SNAPSHOTS = 2000
COMMAND_SECONDS = 120
SHELL = "/bin/sh"
log = logging.getLogger("tenantry")


class Stores:
    """The repositories here, what they hold, and what is being tidied."""

    def __init__(self, node):
        self.node = node
        self.home = node.home
        self.root = node.home.path / "store"
        self.file = node.home.state / "stores.json"
        # {repository: what the last tidying found}
        self.tended = read_json(self.file, {})
        self.sizes, self.measured_at = {}, None
        self.backoffs, self.thread = {}, None
        self.wanted, self.problem = {}, ""
        self.written = None

    def look(self, desired):
        """Have every repository ready for its node; tidy those whose time has come."""
        store = desired.get("store")
        repositories = store["repositories"] if store else []
        self.wanted = {one["repository"]: one for one in repositories}
        if not store:
            return self._close()
        try:
            self._prepare(store)
            self.problem = ""
        except Exception as error:
            # Without a place for backups the node goes on with all the rest.
            self.problem = str(error)[:300]
            log.info("the store: %s", error)
            return False
        self._measure()
        self._begin_to_tend(store)
        return True

    def _close(self):
        keys = self.root / ".ssh" / "authorized_keys"
        if self.written != "" and keys.exists():
            write_bytes(keys, b"", 0o644)
        self.written = ""
        return True

    def _prepare(self, store):
        lines = [self._line(one) for one in store["repositories"]]
        text = "".join(line + "\n" for line in lines)
        if text == self.written:
            return
        if not self.home.is_privileged():
            raise restic.Failed("a node without root cannot keep the backups of others")
        restic.install(self.home)
        owner = self._user(store["user"])
        self.root.mkdir(mode=0o755, exist_ok=True)
        (self.root / ".ssh").mkdir(mode=0o755, exist_ok=True)
        for one in store["repositories"]:
            place = self.root / one["repository"]
            if not place.exists():
                place.mkdir(mode=0o700)
                os.chown(str(place), *owner)
            lock = self._lock_of(one["repository"])
            lock.touch(mode=0o600)
            os.chown(str(lock), *owner)
        for name in store.get("gone", []):
            if (self.root / name).exists():
                remove_tree(self.root / name)
        write_bytes(self.root / ".ssh" / "authorized_keys", text.encode(), 0o644)
        self.written = text

    def _line(self, one):
        place = self.root / one["repository"]
        command = "{} {} vault {} {}".format(
            sys.executable, self.home.agent, place, int(one["most_bytes"])
        )
        if '"' in command or "\n" in one["public_key"]:
            raise restic.Failed("the home or a key holds a sign that may not stand there")
        return f'restrict,command="{command}" {one["public_key"]} {one["repository"]}'

    def _lock_of(self, repository):
        return self.root / (repository + ".lock")

    def _user(self, name):
        """Return (uid, gid) of the user who holds what others store; nobody signs in with a word."""
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            for command in (
                ["useradd", "--system", "--user-group", "--no-create-home",
                 "--home-dir", str(self.root), "--shell", SHELL, name],
                ["usermod", "--password", "*", name],
            ):  # fmt: skip
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=COMMAND_SECONDS,
                )
                if done.returncode:
                    said = done.stdout.decode("utf-8", "replace")[-300:]
                    raise restic.Failed(f"{command[0]}: {said}")
            found = pwd.getpwnam(name)
        return found.pw_uid, found.pw_gid

    def _measure(self):
        now = clock.monotonic()
        if self.measured_at is None or now - self.measured_at >= MEASURE_SECONDS:
            self.measured_at = now
            self.sizes = {name: vault.size_of(str(self.root / name)) for name in self.wanted}
            self.node.meters.hold_stored(
                {one["instance_uid"]: self.sizes[name] for name, one in self.wanted.items()}
            )

    # Tidying: in the background, one repository at a time.

    def _begin_to_tend(self, store):
        if self.thread is not None and self.thread.is_alive():
            return
        for name, one in self.wanted.items():
            known = self.tended.get(name, {}).get("number", 0)
            is_due = self.backoffs.get(name, Backoff()).is_due()
            if one.get("tend") and one["tend"]["number"] > known and is_due:
                asked = (one, self._user(store["user"]))
                self.thread = threading.Thread(target=self._tend, args=asked, daemon=True)
                self.thread.start()
                return

    def _tend(self, one, owner):
        name, asked = one["repository"], one["tend"]
        found = {"number": asked["number"], "ok": True, "message": "", "checked": False}
        try:
            found.update(self._tidied(name, asked, owner))
            self.backoffs.pop(name, None)
        except Exception as error:
            # Whatever it was: it is told, and tried again with the next wish.
            log.info("tidying %s: %s", name, error)
            self.backoffs.setdefault(name, Backoff()).failed(str(error))
            before = self.tended.get(name, {}).get("snapshots", [])
            found.update(ok=False, message=str(error)[:500], snapshots=before)
            if "is busy" in str(error):
                found["number"] = self.tended.get(name, {}).get("number", 0)
        self.tended[name] = found
        try:
            write_json(self.file, self.tended)
        except OSError as error:
            log.warning("what was tidied is kept in memory only: %s", error)
        self.measured_at = None
        self.node.wake()

    def _tidied(self, name, asked, owner):
        place = self.root / name
        cache = restic.cache_of(self.home, "store", owner)
        access = restic.local(place, cache, owner, asked["password"])
        with self._alone(name):
            if not (place / "config").exists():
                return {"snapshots": []}
            restic.run(access, ["unlock", "--remove-all"], place)
            known = self._listed(access, place)
            kept = retained(known, asked["keep"], asked.get("hold", []))
            old = [one["id"] for one in known if one["id"] not in kept]
            if old:
                restic.run(access, ["forget", "--prune", *old], place, TEND_SECONDS)
            if asked.get("check"):
                words = ["check", "--read-data-subset", asked["check"]]
                restic.run(access, words, place, TEND_SECONDS)
            left = [one for one in known if one["id"] in kept]
        return {"snapshots": left[-MOST_SNAPSHOTS:], "checked": bool(asked.get("check"))}

    def _listed(self, access, place):
        """Return the snapshots with when each was received: the writer's own clock says nothing."""
        found = []
        said = restic.run(access, ["snapshots", "--json", "--no-lock"], place)
        for one in json.loads(said) or []:
            facts = os.lstat(str(place / "snapshots" / one["id"]))
            received = datetime.fromtimestamp(facts.st_mtime, timezone.utc).isoformat()
            found.append(
                {"id": one["id"][:8], "host": str(one.get("hostname", ""))[:12],
                 "received": received}
            )  # fmt: skip
        return sorted(found, key=lambda one: one["received"])

    def _alone(self, name):
        return Alone(self._lock_of(name))

    def report(self):
        """Return what each repository holds, and what its last tidying found."""
        nothing = {"number": 0, "ok": True, "message": "", "checked": False, "snapshots": []}
        return [
            dict(
                self.tended.get(name, nothing), repository=name, bytes=self.sizes.get(name, 0),
                problem=self.problem,
            )
            for name in sorted(self.wanted)
        ]  # fmt: skip


class Alone:
    """Nobody writes to a repository meanwhile; who does is waited for, not for ever."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.handle = os.open(str(self.path), os.O_RDWR | os.O_CREAT, 0o600)
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(self.handle)
                    raise restic.Failed("the repository is busy: somebody writes to it")
                time.sleep(0.5)

    def __exit__(self, *_):
        os.close(self.handle)


def retained(snapshots, keep, hold):
    """Return the ids that stay: of each instance the newest, and one of each of the last times.

    Args:
        snapshots: each with `id`, `host` and `received`.
        keep: how many `hourly`, `daily`, `weekly`.
        hold: ids that are in use.
    """
    kept = {one["id"] for one in snapshots if one["id"] in hold}
    for host in {one["host"] for one in snapshots}:
        mine = [one for one in snapshots if one["host"] == host]
        newest_first = sorted(mine, key=lambda one: one["received"], reverse=True)
        kept.add(newest_first[0]["id"])
        for kind, written in (("hourly", "%Y%m%d%H"), ("daily", "%Y%m%d"), ("weekly", "%G%V")):
            times = {}
            for one in newest_first:
                at = datetime.fromisoformat(one["received"]).strftime(written)
                times.setdefault(at, one["id"])
            kept |= set(list(times.values())[: keep.get(kind, 0)])
    return kept
