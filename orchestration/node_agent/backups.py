"""Make snapshots of partitions on another node: by the clock, and when the Master asks for one.

The Master may be away: what is due is made all the same. One at a time, in the background.
"""

import logging
import os
import threading
from datetime import datetime, timezone

from . import restic
from .backoff import Backoff
from .clock import clock
from .fill import fill
from .home import read_json, write_json

# A backup may take so long; then it is ended and counts as failed.
LONGEST_SECONDS = 6 * 3600
HOOK_SECONDS = 1800
MOST_OUTCOMES = 10
KEPT = "data"
LONGEST_MESSAGE = 500
# States of a partition whose data may be looked at, by what is requested of it.
READABLE = {"started": ("starting", "started", "failed"), "stopped": ("stopped",)}
log = logging.getLogger("tenantry")


def declared(release, instance):
    """Return what a release says of its backup: paths, and what runs around it."""
    kind = release["profile"]["types"][instance["software_type"]]
    return dict({"paths": [KEPT]}, **kind.get("backup", {}))


class Backups:
    """When each instance was last saved, what came of it, and what is under way."""

    def __init__(self, node):
        self.node = node
        self.home = node.home
        self.file = node.home.state / "backups.json"
        # {instance: {"begun": when, "number": the last answered question, "newest": snapshot,
        #             "is_restored": whether the files came from a snapshot, "outcomes": […]}}
        self.known = read_json(self.file, {})
        self.backoffs = {}
        self.thread = None
        self.lock = threading.Lock()

    def look(self, desired):
        """Begin the backup that is due longest, unless one is under way."""
        if self.thread is not None and self.thread.is_alive():
            return
        specs = [one for one in desired["partitions"] if (one["instance"] or {}).get("backup")]
        self._forget({one["instance"]["uid"] for one in specs})
        due = [one for one in specs if self._is_due(one)]
        if due:
            first = min(due, key=lambda one: self._turn(one["instance"]))
            self.thread = threading.Thread(target=self._save, args=(first,), daemon=True)
            self.thread.start()

    def _turn(self, instance):
        is_asked = instance["backup"]["asked"] > self._of(instance["uid"])["number"]
        return not is_asked, self._of(instance["uid"])["begun"]

    def _of(self, uid):
        empty = {"begun": 0, "number": 0, "newest": "", "is_restored": False, "outcomes": []}
        return self.known.setdefault(uid, empty)

    def _forget(self, uids):
        with self.lock:
            for uid in set(self.known) - uids:
                del self.known[uid]
                self.backoffs.pop(uid, None)

    def _is_due(self, spec):
        instance, partition = spec["instance"], self.node.partitions.get(spec["name"])
        known, asked = self._of(instance["uid"]), instance["backup"]
        if partition is None or not partition.is_readable(instance):
            return False
        if not self.backoffs.get(instance["uid"], Backoff()).is_due():
            return False
        is_time = clock.wall() - known["begun"] >= asked["every_seconds"]
        is_running = instance["requested_state"] == "started"
        return asked["asked"] > known["number"] or (is_running and is_time)

    def is_awaited(self, spec):
        """Return whether what is stopped waits for its last snapshot: the Master stays with us."""
        instance = spec["instance"] or {}
        if instance.get("requested_state") != "stopped" or not instance.get("backup"):
            return False
        known = self._of(instance["uid"])
        has_failed = self.backoffs.get(instance["uid"], Backoff()).count
        return instance["backup"]["asked"] > known["number"] and not has_failed

    def _save(self, spec):
        instance = spec["instance"]
        uid, number, begun = instance["uid"], instance["backup"]["asked"], clock.wall()
        outcome = {"number": number, "begun": _text(begun), "repository": ""}
        try:
            outcome["repository"] = instance["backup"]["repository"]
            outcome.update(self._snapshot(spec), ok=True, message="")
            self.backoffs.pop(uid, None)
        except Exception as error:
            # Whatever it was: it is told, and tried again later and later.
            log.info("backup of %s: %s", uid, error)
            self.backoffs.setdefault(uid, Backoff()).failed(str(error))
            said = str(error) if isinstance(error, restic.Failed) else repr(error)
            outcome.update(ok=False, message=said[:LONGEST_MESSAGE], snapshot="", bytes=0, added=0)
        outcome["ended"] = _text(clock.wall())
        self._keep(uid, begun, outcome)
        self.node.wake()

    def _keep(self, uid, begun, outcome):
        with self.lock:
            if uid not in self.known:
                return
            known = self._of(uid)
            if outcome["ok"]:
                known.update(begun=begun, newest=outcome["snapshot"], is_restored=False)
                known["number"] = max(known["number"], outcome["number"])
            known["outcomes"] = [*known["outcomes"], outcome][-MOST_OUTCOMES:]
            self._write()

    def _write(self):
        try:
            write_json(self.file, self.known)
        except OSError as error:
            log.warning("what was backed up is kept in memory only: %s", error)

    def was_restored(self, uid, snapshot):
        """The files of an instance came from this snapshot: the next one is compared with it."""
        with self.lock:
            self._of(uid).update(newest=snapshot, is_restored=True)
            self._write()

    def _snapshot(self, spec):
        """Run what the release asks for around it, and restic; return what was stored."""
        restic.install(self.home)
        instance, partition = spec["instance"], self.node.partitions[spec["name"]]
        owner = self.node.user_of(spec["name"])
        access = restic.remote(self.home, spec["name"], owner, instance["backup"])
        wanted = declared(self.node.release(instance["release"]), instance)
        is_running = instance["requested_state"] == "started"
        hooks = wanted if is_running else wanted.get("stopped", {})
        try:
            self._hook(hooks.get("before"), spec, partition)
            paths = hooks.get("paths") or wanted["paths"]
            there = [path for path in paths if os.path.lexists(str(partition.path / path))]
            if not there:
                raise restic.Failed("there is nothing to save: {}".format(", ".join(paths)))
            return self._stored(access, partition, instance, there)
        finally:
            self._hook(hooks.get("after"), spec, partition)

    def _stored(self, access, partition, instance, paths):
        if not self._of(instance["uid"])["newest"] and not restic.has_repository(
            access, partition.path
        ):
            restic.run(access, ["init"], partition.path)
        known = self._of(instance["uid"])
        words = ["backup", "--json", "--host", instance["uid"]]
        words += ["--tag", "number={}".format(instance["backup"]["asked"])]
        if known["newest"]:
            words += ["--parent", known["newest"]]
        if known["is_restored"]:
            # Files that were just restored have other inodes, and are the same.
            words += ["--ignore-inode", "--ignore-ctime"]
        try:
            said = restic.run(
                access, [*words, *paths], partition.path, LONGEST_SECONDS,
                is_urgent=instance["requested_state"] == "stopped",
            )  # fmt: skip
        except restic.Failed as failure:
            if "snapshot" in str(failure) and known["newest"]:
                # The store has removed the one before: without it all files are read again.
                known["newest"] = ""
            raise
        (summary,) = [one for one in restic.messages(said) if one.get("message_type") == "summary"]
        return {
            "snapshot": str(summary["snapshot_id"])[:8],
            "bytes": int(summary["total_bytes_processed"]),
            "added": int(summary["data_added"]),
        }

    def _hook(self, command, spec, partition):
        """Run a command of the release as its services run."""
        if not command:
            return
        values = partition.values(spec)
        filled = [fill(word, values) for word in command["command"]]
        more = {key: fill(text, values) for key, text in command.get("environment", {}).items()}
        owner, seconds = self.node.user_of(spec["name"]), command.get("seconds", HOOK_SECONDS)
        join = partition.join_group
        code, said, complaint = restic.ended(
            filled, partition.path, owner, more, seconds, join=join
        )
        if code != 0:
            ended = "took longer than its time" if code is None else f"ended with {code}"
            raise restic.Failed(f"{filled[0]} {ended}: {(complaint or said).strip()[-300:]}")

    def report(self):
        """Return what came of the newest backups of each instance."""
        with self.lock:
            return [
                {"instance_uid": uid, "number": known["number"], "outcomes": known["outcomes"]}
                for uid, known in sorted(self.known.items())
            ]


def _text(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
