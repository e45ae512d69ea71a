"""Bring the files of a partition to a snapshot, in the background, whole or not at all.

A partition that holds a snapshot already is brought to another by what differs between the two:
that is how a moved instance is away for seconds only.
"""

import logging
import os
import threading

from . import restic
from .backoff import Backoff
from .backups import HOOK_SECONDS, declared
from .clock import clock
from .fill import fill
from .home import read_json, remove_tree, write_json

LONGEST_SECONDS = 6 * 3600
NEW = ".restored"
# More than this, or names that a pattern could not say, and everything is restored.
MOST_CHANGES = 300
ODD = set("*?[]\\\n")
log = logging.getLogger("tenantry")


class Restores:
    """What each partition was restored from, and what is under way."""

    def __init__(self, node):
        self.node = node
        self.home = node.home
        self.file = node.home.state / "restored.json"
        # {partition: {"uid": instance, "number": which wish, "snapshot": id, "seconds": how long}}
        self.done = read_json(self.file, {})
        self.threads, self.backoffs = {}, {}
        self.places = threading.Semaphore(2)

    def is_done(self, partition, instance):
        """Return whether the partition holds what its instance is to be restored from."""
        asked = instance.get("restore")
        if not asked:
            return True
        known = self.done.get(partition, {})
        # A move brings first one snapshot and then the last one, for the same wish.
        wanted = instance["uid"], asked["number"], asked["snapshot"]
        return tuple(known.get(name) for name in ("uid", "number", "snapshot")) == wanted

    def ensure(self, spec):
        """Begin a restore, unless it is under way or waits after a failure; return why it waits."""
        name = spec["name"]
        thread, backoff = self.threads.get(name), self.backoffs.get(name)
        if thread is not None and thread.is_alive():
            return "it is restored from snapshot {}".format(spec["instance"]["restore"]["snapshot"])
        if backoff is not None and backoff.count and not backoff.is_due():
            return "the restore failed and is tried again: " + backoff.reason
        thread = threading.Thread(target=self._restore, args=(spec,), daemon=True)
        self.threads[name] = thread
        thread.start()
        return "it is restored from snapshot {}".format(spec["instance"]["restore"]["snapshot"])

    def has_failed(self, partition):
        """Return whether the last try failed."""
        return bool(self.backoffs.get(partition) and self.backoffs[partition].count)

    def is_busy(self, partition):
        """Return whether a restore writes into the partition."""
        thread = self.threads.get(partition)
        return thread is not None and thread.is_alive()

    def forget(self, partition):
        """The partition was wiped."""
        self.backoffs.pop(partition, None)
        if self.done.pop(partition, None):
            self._write()

    def _write(self):
        write_json(self.file, self.done)

    def _restore(self, spec):
        name, instance = spec["name"], spec["instance"]
        asked, began = instance["restore"], clock.monotonic()
        try:
            with self.places:
                restic.install(self.home)
                self._bring(spec)
            self.backoffs.pop(name, None)
            self.done[name] = {
                "uid": instance["uid"],
                "number": asked["number"],
                "snapshot": asked["snapshot"],
                "seconds": round(clock.monotonic() - began, 1),
            }
            self._write()
            self.node.backups.was_restored(instance["uid"], asked["snapshot"])
        except Exception as error:
            # Whatever it was: it is told, and tried again later and later.
            log.info("restore of %s: %s", name, error)
            self.backoffs.setdefault(name, Backoff()).failed(str(error)[:500])
        self.node.wake()

    def _bring(self, spec):
        name, instance = spec["name"], spec["instance"]
        asked, owner = instance["restore"], self.node.user_of(name)
        partition = self.node.partitions[name]
        access = restic.remote(self.home, name, owner, asked)
        before = self.done.get(name, {})
        release = self.node.release(instance["release"])
        is_prepared = before.get("uid") == instance["uid"] and asked.get("follows")
        if not (is_prepared and self._differences(access, partition, before["snapshot"], asked)):
            self._all(access, partition, asked["snapshot"], release, spec)
        if instance["requested_state"] != "prepared":
            self._hook(declared(release, instance).get("restored"), spec, partition)

    def _all(self, access, partition, snapshot, release, spec):
        """Restore everything beside what is there, then put it in its place."""
        fresh, owner = partition.path / NEW, self.node.user_of(spec["name"])
        if fresh.exists():
            remove_tree(fresh)
        fresh.mkdir(mode=0o700)
        if owner:
            os.chown(str(fresh), *owner)
        words = ["restore", "--no-lock", snapshot, "--target", str(fresh), "--quiet"]
        restic.run(access, words, partition.path, LONGEST_SECONDS, is_urgent=True)
        entries = os.listdir(str(fresh))
        for entry in {*entries, *_saved(declared(release, spec["instance"]))}:
            if os.path.lexists(str(partition.path / entry)):
                remove_tree(partition.path / entry)
        for entry in entries:
            os.rename(str(fresh / entry), str(partition.path / entry))
        remove_tree(fresh)

    def _differences(self, access, partition, before, asked):
        """Bring what was restored from one snapshot to another; False where that is not possible."""
        after = asked["snapshot"]
        if before == after:
            return True
        words = ["diff", "--no-lock", "--json", "--metadata", before, after]
        found = [
            one
            for one in restic.messages(restic.run(access, words, partition.path, is_urgent=True))
            if one.get("message_type") == "change"
        ]
        if len(found) > MOST_CHANGES or any(ODD & set(one["path"]) for one in found):
            return False
        gone = [one["path"] for one in found if one["modifier"] in ("-", "T", "M")]
        files = [path for path in gone if not path.endswith("/")]
        folders = sorted((path for path in gone if path.endswith("/")), reverse=True)
        # As the partition's user, for whom no link leads to what is not theirs.
        for command, paths in ((["rm", "-f", "--"], files), (["rmdir", "--"], folders)):
            if paths:
                names = ["." + path for path in paths]
                restic.ended([*command, *names], partition.path, access.owner, {}, HOOK_SECONDS)
        # A folder that was there is named for its times only.
        there = [one["path"] for one in found if one["modifier"] != "-"]
        new = {one["path"] for one in found if one["modifier"] == "+"}
        includes = [path.rstrip("/") for path in there if path in new or not path.endswith("/")]
        if includes:
            words = ["restore", "--no-lock", after, "--target", str(partition.path), "--quiet"]
            words += [word for path in includes for word in ("--include", path)]
            restic.run(access, words, partition.path, LONGEST_SECONDS, is_urgent=True)
        return True

    def _hook(self, command, spec, partition):
        """Run what the release asks for after its files are there."""
        if not command:
            return
        values = partition.values(spec)
        filled = [fill(word, values) for word in command["command"]]
        owner, seconds = self.node.user_of(spec["name"]), command.get("seconds", HOOK_SECONDS)
        code, said, complaint = restic.ended(filled, partition.path, owner, {}, seconds)
        if code != 0:
            raise restic.Failed(f"{filled[0]} ended with {code}: {(complaint or said)[-300:]}")

    def report(self, partition):
        """Return what a partition was restored from, or None."""
        known = self.done.get(partition)
        return {key: known[key] for key in ("number", "snapshot", "seconds")} if known else None


def _saved(wanted):
    """Return the entries of a partition that snapshots hold, running or stopped."""
    paths = [*wanted["paths"], *wanted.get("stopped", {}).get("paths", [])]
    return {path.split("/")[0] for path in paths}
