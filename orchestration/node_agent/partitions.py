"""Make one partition what it should be; each is isolated from the failure of the others."""

import logging
import os
import time

from . import limits, promises
from .backoff import Backoff
from .backups import READABLE
from .cgroups import kill
from .clock import clock
from .declared import Looks
from .disk import AGAIN_PART, DiskWatch
from .facts import memory_bytes
from .fill import fill, values_of, with_defaults
from .home import read_plain, remove_tree, write_below
from .shared import Entries
from .texts import fill_all, now_text, print_of, said, steady, tails
from .users import processes_of

PROMISE_SECONDS = 10
FAILING_PROMISE_SECONDS = 0.5
STOP_SECONDS = 10
# A limit that is met all the time is told of this often.
HIT_SECONDS = 60
HITS = {
    "memory_bytes": "the kernel ended a process: they needed more memory than {:,} bytes",
    "processes": "the kernel refused more processes than {:,}",
}
log = logging.getLogger("tenantry")


class Partition:
    """What was found of one partition, and what was last tried."""

    def __init__(self, node, name):
        self.node = node
        self.home = node.home
        self.name = name
        self.state, self.reason, self.since = "empty", "", now_text()
        self.uid, self.generation = "", 0
        self.connection, self.results = {}, []
        self.looks = {}
        self.meters = Looks()
        self.backoff = Backoff()
        self.files = {}
        # The instance and generation whose files and services are in place.
        self.set_up = None
        self.entries = Entries(self.path)
        self.is_clean = False
        self.disk = DiskWatch()
        # {limit: (how often it was met when that was told, when it may be told again)}
        self.hits = {}

    @property
    def path(self):
        """Return the partition's directory."""
        return self.home.partitions / self.name

    def converge(self, spec):
        """Bring the partition one step nearer to what `spec` says; return whether it is there."""
        instance = spec["instance"]
        if instance is not None and not self.backoff.is_due() and self._is_same(instance):
            return False
        try:
            if instance is None or instance["requested_state"] == "destroyed":
                return self._wipe(instance)
            if instance["requested_state"] == "stopped":
                return self._stop(instance)
            if self.node.waits_for_master(instance):
                return self._wait_for_master(instance)
            return self._start(spec, instance)
        except Exception as error:
            # Whatever a partition holds that we did not think of: the others go on.
            log.info("%s: %s: %s", self.name, type(error).__name__, error)
            self.backoff.failed(str(error))
            self._found(instance, "failed", said(error))
            return False

    def _is_same(self, instance):
        return (self.uid, self.generation) == (instance["uid"], instance["generation"])

    def _found(self, instance, state, reason=""):
        """Remember what is; the time changes with the state only."""
        if state != self.state:
            self.since = now_text()
        self.state, self.reason = state, reason
        self.uid = instance["uid"] if instance else ""
        self.generation = instance["generation"] if instance else 0

    def _wipe(self, instance):
        """Stop all, kill what is left, and remove every file; then the slot is free again."""
        if not self.is_clean:
            self._stop_services()
            self._kill_all()
            if self.node.restores.is_busy(self.name):
                return False
            self.node.restores.forget(self.name)
            cache = self.home.path / "cache" / self.name
            if cache.exists():
                remove_tree(cache)
            if self.path.exists():
                remove_tree(self.path)
            self.is_clean = True
        self.connection, self.looks, self.results, self.files = {}, {}, [], {}
        self.meters = Looks()
        self.entries, self.set_up = Entries(self.path), None
        self._found(instance, "wiped" if instance else "empty")
        return True

    def _kill_all(self):
        """Leave no process: neither in the partition's group nor of its user."""
        self.node.cgroups.end(self.name)
        user = self.node.user_of(self.name)
        until = time.monotonic() + STOP_SECONDS
        pids = processes_of(user[0]) if user else []
        while pids and time.monotonic() < until:
            kill(pids)
            time.sleep(0.05)
            pids = processes_of(user[0])

    def _stop(self, instance):
        """Stop all and end what a service left behind; the data stay."""
        self._stop_services()
        if self.state != "stopped":
            self._kill_all()
        self.looks, self.results = {}, []
        self.node.meters.hold_only(self.name, instance["uid"], [])
        self._found(instance, "stopped")
        return True

    def _stop_services(self):
        """Stop all services; return whether there were any."""
        names = self.node.services_of(self.name)
        for name in names:
            self.node.processes.remove(name)
        return bool(names)

    def _wait_for_master(self, instance):
        """Start nothing before the Master said that it is still ours."""
        if self._stop_services():
            self._kill_all()
        why = "the machine was restarted: it waits for the Master's word, for it may run elsewhere"
        self._found(instance, "starting", why)
        return False

    def _start(self, spec, instance):
        release = self.node.release(instance["release"])
        state, reason, _ = self.node.releases.state(release["uid"])
        if state != "ready":
            waits = "failed" if state == "failed" else "building"
            self._found(instance, waits, reason)
            return False
        kind = release["profile"]["types"][instance["software_type"]]
        is_prepared_only = instance["requested_state"] == "prepared"
        if not is_prepared_only and self._waits_for_children(kind, instance):
            return False
        place = self.node.releases.path(release["uid"])
        values = self.values(spec)
        most = limits.complete(instance.get("limits", {}), memory_bytes())
        self._directory(most)
        if not self.node.restores.is_done(self.name, instance):
            return self._restore(spec, instance)
        if is_prepared_only:
            self._found(instance, "prepared")
            return True
        if self._holds_too_much(instance, most):
            return False
        wanted = instance["uid"], instance["generation"]
        is_new = self.set_up != wanted
        changed = self._files(kind, values, place, is_new)
        self._share(instance)
        changed |= self._services(kind, values, instance, most)
        self.set_up = wanted
        self._tell_hits(most)
        if changed or is_new:
            self.looks = {}
            if self.state != "started" or is_new:
                self._found(instance, "starting")
        self._read_meters(kind, values, instance)
        return self._keep_promises(kind, spec, values, instance)

    def values(self, spec):
        """Return the names that the release's texts may use in this partition."""
        instance = spec["instance"]
        release = self.node.release(instance["release"])
        kind = release["profile"]["types"][instance["software_type"]]
        parameters = with_defaults(instance["parameters"], kind.get("parameters", {}))
        place = self.node.releases.path(release["uid"])
        return values_of(spec, dict(instance, parameters=parameters), self.home, place)

    def join_group(self):
        """Put the process that calls this into the partition's control group."""
        self.node.cgroups.join(self.name)

    def is_readable(self, instance):
        """Return whether the partition's files are this instance's own, and may be saved."""
        is_there = self.state in READABLE.get(instance["requested_state"], ())
        return (
            is_there and self._is_same(instance) and self.node.restores.is_done(self.name, instance)
        )

    def _restore(self, spec, instance):
        """Have the files brought to a snapshot while nothing runs; say how it stands."""
        if self._stop_services():
            self._kill_all()
        self.looks, self.results = {}, []
        why = self.node.restores.ensure(spec)
        state = "failed" if self.node.restores.has_failed(self.name) else "starting"
        self._found(instance, state, why)
        return False

    def _holds_too_much(self, instance, most):
        """Stop the services of a partition over its limit of disk; its data stay, all of them."""
        was_over, limit = self.disk.is_over, most.get("disk_bytes")
        if not self.disk.look(self.path, limit):
            if was_over:
                self.node.event(self.name, "disk_free", "it holds less than its limit again")
            return False
        again = int(limit * AGAIN_PART)
        why = (
            f"it holds {self.disk.size:,} of {limit:,} bytes that it may: its services are stopped "
            f"until it holds no more than {again:,}, or may hold more"
        )
        if not was_over:
            self.node.event(self.name, "disk_full", why)
        if self._stop_services():
            self._kill_all()
        self.looks, self.results = {}, []
        self._found(instance, "failed", why)
        return True

    def _tell_hits(self, most):
        """Tell when the kernel held the services to a limit, at most once a minute each."""
        now = clock.monotonic()
        for limit, count in self.node.cgroups.hits(self.name).items():
            told, again_at = self.hits.get(limit, (count, now))
            if count > told and now >= again_at:
                self.node.event(self.name, "limit", HITS[limit].format(most[limit]))
                told, again_at = count, now + HIT_SECONDS
            # Fewer than before: the group was made anew.
            self.hits[limit] = min(told, count), again_at

    def _waits_for_children(self, kind, instance):
        """Return whether a child has not yet published where it is reached."""
        there = instance.get("children", {})
        missing = [one["name"] for one in kind.get("children", []) if one["name"] not in there]
        if missing:
            self._found(instance, "starting", "it waits for its " + ", ".join(missing))
        return bool(missing)

    def _share(self, instance):
        """Tell the program what is shared on it: it follows by itself, and is not restarted."""
        if "shared" in instance:
            self.entries.write(instance["shared"], self.node.user_of(self.name))

    def _directory(self, most):
        owner = self.node.user_of(self.name)
        self.is_clean = False
        if not self.path.exists():
            self.path.mkdir(mode=0o750)
            (self.path / "data").mkdir(mode=0o750)
            if owner:
                os.chown(str(self.path / "data"), *owner)
                os.chown(str(self.path), *owner)
        self.node.cgroups.make(self.name, most)

    def _files(self, kind, values, place, is_new):
        """Write what differs from what the templates say; a change by hand is put back."""
        changed = False
        for one in kind.get("files", []):
            target = self.path / one["path"]
            known = self.files.get(one["path"])
            if not is_new and known is not None and known == print_of(target):
                continue
            template = (place / "source" / one["template"]).read_text()
            content = fill(template, values, one.get("escape", "none")).encode()
            if read_plain(target, len(content) + 1) != content:
                if not is_new and one["path"] in self.files:
                    self.node.event(self.name, "drift", one["path"] + " was changed and put back")
                mode = 0o600 if one.get("secret", False) else 0o640
                write_below(self.path, one["path"], content, mode, self.node.user_of(self.name))
                changed = True
            self.files[one["path"]] = print_of(target)
        return changed

    def _services(self, kind, values, instance, most):
        changed, wanted = False, set()
        for one in kind.get("services", []):
            name = "{}.{}".format(self.name, one["name"])
            wanted.add(name)
            environment = one.get("environment", {})
            spec = {
                "partition": self.name,
                "cgroup": self.node.cgroups.name,
                "user": self.node.user_name_of(self.name),
                "directory": str(self.path),
                "command": [fill(part, values) for part in one["command"]],
                "environment": {key: fill(text, values) for key, text in environment.items()},
                "limits": limits.rlimits(
                    instance.get("limits", {}),
                    most,
                    held=self.node.cgroups.holds,
                    has_own_user=bool(self.node.user_name_of(self.name)),
                ),
                "generation": instance["generation"],
            }
            changed |= self.node.processes.set(name, spec)
        for name in set(self.node.services_of(self.name)) - wanted:
            self.node.processes.remove(name)
            changed = True
        return changed

    def _read_meters(self, kind, values, instance):
        """Read the declared meters that are due; one that gives no number is told of, once."""
        meters = kind.get("meters", [])
        self.node.meters.hold_only(self.name, instance["uid"], [one["name"] for one in meters])
        for one in meters:
            if not self.meters.is_due(one):
                continue
            found, problem = self.meters.read(fill_all(one, values), self._place())
            self.node.meters.take(self.name, instance["uid"], one, found)
            if problem:
                self.node.event(self.name, "meter", problem)

    def _keep_promises(self, kind, spec, values, instance):
        """Ask the promises that are due; a service that keeps them all is started."""
        wanted = kind.get("promises", [])
        for one in wanted:
            if self._is_due(one):
                self._look(one, spec, values)
        self.results = [self.looks[one["name"]][1] for one in wanted]
        failing = [one for one in self.results if not one["ok"]]
        if failing:
            why = "{}: {}".format(failing[0]["name"], failing[0]["message"])
            self._found(instance, self._while_failing(), why)
            return False
        publish = kind.get("publish", {})
        self.connection = {key: fill(text, values) for key, text in publish.items()}
        self.backoff = Backoff()
        self._found(instance, "started")
        return True

    def _is_due(self, promise):
        """A promise that fails is asked again soon, less often the longer it has been failing."""
        if promise["name"] not in self.looks:
            return True
        looked_at, result, since = self.looks[promise["name"]]
        period = promise.get("period_seconds", PROMISE_SECONDS)
        if not result["ok"]:
            period = min(period, max(FAILING_PROMISE_SECONDS, (looked_at - since) / 10))
        return clock.monotonic() - looked_at >= period

    def _look(self, promise, spec, values):
        """Ask one promise and remember when, what, and since when it has been so."""
        at = clock.monotonic()
        passes, message = promises.run(self._filled(promise, spec, values), self._place())
        result = {"name": promise["name"], "ok": passes, "message": message}
        _, before, since = self.looks.get(promise["name"], (at, result, at))
        self.looks[promise["name"]] = at, result, since if before["ok"] == passes else at

    def _filled(self, promise, spec, values):
        filled = {key: fill_all(value, values) for key, value in promise.items()}
        return dict(filled, address=spec["address"])

    def _place(self):
        """Return where and as whom the commands of promises run: as the services do."""
        owner = self.node.user_of(self.name)
        return promises.Place(str(self.path), owner, self.join_group)

    def _while_failing(self):
        """Starting takes a while; what does not stay up, or was up before, is broken."""
        crashed = self.node.is_crashing(self.name)
        return "failed" if crashed or self.state in ("started", "failed") else "starting"

    def report(self):
        """Return what the report says of this partition."""
        tail = ""
        if self.state in ("failed", "building"):
            is_building = self.state == "building" or self.node.is_building_for(self.name)
            logs = [self.home.logs / (name + ".log") for name in self.node.services_of(self.name)]
            tail = self.node.build_tail_for(self.name) if is_building else tails(logs)
        return {
            "name": self.name,
            "instance_uid": self.uid,
            "generation": self.generation,
            "state": self.state,
            "reason": self.reason,
            "since": self.since,
            "connection": self.connection if self.state != "stopped" else {},
            "promises": [dict(one, message=steady(one)) for one in self.results],
            "log_tail": tail,
            "shared": self.entries.report(),
            "restored": self.node.restores.report(self.name),
        }
