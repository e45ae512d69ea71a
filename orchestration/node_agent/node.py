"""The state of the whole node: what is desired, what was found, what the report says."""

import hashlib
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from . import limits, upgrade
from .backups import Backups
from .cgroups import Cgroups
from .clock import clock
from .facts import boot_id, boot_mark, facts, moving, renewed
from .home import read_json, write_json
from .metering import Meters
from .partitions import Partition
from .processes import Processes
from .releases import Releases
from .restores import Restores
from .spool import Spool
from .stores import Stores
from .texts import now_text
from .traffic import Traffic
from .upkeep import Upkeep
from .users import user_ids
from .witness import Witness

FORMAT = "tenantry.report/1"
IN_PARALLEL = 4
MOST_SAMPLES = 2000
MOST_EVENTS = 200
METERING_SECONDS = 60
FACTS_SECONDS = 30
# The more samples nobody fetches, the longer each: (more than, seconds). A week without the Master
# fits into the spool, and nothing that was used is lost.
STRETCHED = ((100000, 1800), (20000, 300), (5000, 60))
# A clock that was wrong by more than this is told of.
TOLD_SECONDS = 60
# A service that supervisord could not keep up is started again by the next pass.
CRASHED = ("BACKOFF", "FATAL", "EXITED", "UNKNOWN")
log = logging.getLogger("tenantry")


class Node:
    """Converges by itself from the last document on disk."""

    def __init__(self, home, version):
        self.home = home
        self.version = version
        self.lock = threading.RLock()
        name = "tenantry-" + hashlib.sha256(str(home.path).encode()).hexdigest()[:12]
        self.cgroups = Cgroups(name)
        self.spool = Spool(home)
        self.releases = Releases(home, self.cgroups)
        self.processes = Processes(home)
        self.traffic = Traffic(name)
        self.meters = Meters(home, self.cgroups, self.spool.sequence)
        self.desired = read_json(home.state / "desired.json", None)
        self.fence = read_json(home.state / "fence.json", 0)
        # What came before this process was stamped by one that had heard the Master, or is older.
        self.begun_at, self.knows_time = self.spool.sequence, False
        self.applied = ""
        self.backups, self.restores, self.stores = Backups(self), Restores(self), Stores(self)
        self.witness = Witness(self)
        # On which boot of the machine the Master was heard: until then what may have been taken
        # over by another node does not start.
        self.boot = boot_mark()
        self.heard_boot = read_json(home.state / "heard.json", "")
        # Ends the pause between two passes; the resident says how.
        self.wake = lambda: None
        self.partitions = {}
        self.events = []
        self.states = {}
        self.facts = dict(
            facts(home, self.cgroups.kind),
            cpu_counted=self.meters.accuracy,
            network_counted=self.traffic.accuracy,
            **limits.means(self.cgroups, home.is_privileged()),
        )
        self.facts_at = clock.monotonic()
        self.upkeep = Upkeep()
        self.told = ""
        self.is_on_trial = upgrade.pending(home) is not None
        self.refused = upgrade.refused(home)
        self._tell_refused()
        self.users = {one["name"]: one["user"] for one in home.identity().get("partitions", [])}

    def _tell_refused(self):
        if self.refused:
            said = "agent {version:.12} was put back: {reason}".format(**self.refused)
            self.event("", "agent_returned", said)
            self.events[-1]["at"] = self.refused["at"]

    # What partitions ask of their node.

    def user_name_of(self, partition):
        """Return the Unix user of a partition, or "" when all run as we do."""
        return self.users.get(partition, "") if self.home.is_privileged() else ""

    def user_of(self, partition):
        """Return (uid, gid) of a partition's user, or None when all run as we do."""
        name = self.user_name_of(partition)
        return user_ids(name) if name else None

    def services_of(self, partition):
        """Return the names of the services that are set for a partition."""
        directory = self.processes.directory
        return [path.name[:-5] for path in sorted(directory.glob(partition + ".*.conf"))]

    def is_crashing(self, partition):
        """Return whether a service of the partition does not stay up."""
        states = [self.states.get(name, ("",))[0] for name in self.services_of(partition)]
        return any(state in CRASHED for state in states)

    def release(self, uid):
        """Return what the document says of a release."""
        for one in self.desired["releases"]:
            if one["uid"] == uid:
                return one
        raise KeyError(f"release {uid[:12]} is not in the document")

    def _release_for(self, partition):
        for spec in self.desired["partitions"] if self.desired else []:
            if spec["name"] == partition and spec["instance"]:
                return spec["instance"]["release"]
        return None

    def is_building_for(self, partition):
        """Return whether the partition's release is not ready."""
        uid = self._release_for(partition)
        return uid is not None and self.releases.state(uid)[0] != "ready"

    def build_tail_for(self, partition):
        """Return the end of the build's log."""
        uid = self._release_for(partition)
        return self.releases.state(uid)[2] if uid else ""

    def event(self, partition, kind, message):
        """Remember something that happened by itself."""
        self.events.append(
            {"at": now_text(), "partition": partition, "kind": kind, "message": message}
        )
        self.events = self.events[-MOST_EVENTS:]

    # What the Master asks.

    def accept(self, document, fence):
        """Keep a new document; it is converged to by the next passes."""
        with self.lock:
            write_json(self.home.state / "desired.json", document)
            self.desired = document
            self.applied = ""
        self.hold(fence)

    def hold(self, fence):
        """Remember the newest fence: older workers are refused from now on."""
        if fence > self.fence:
            self.fence = fence
            try:
                write_json(self.home.state / "fence.json", fence)
            except OSError as error:
                # On a full disk the Master must still hear that it is full.
                log.warning("the fence is kept in memory only: %s", error)

    def wanted(self):
        """Return the releases that the Master must send."""
        if self.desired is None:
            return []
        return self.releases.missing([one["uid"] for one in self.desired["releases"]])

    def lacks_agent(self, offered):
        """Return whether the Master offers another agent and nothing stands against it."""
        if offered in ("", self.version, self.refused.get("version")):
            return False
        # A build under way would begin anew.
        uids = [one["uid"] for one in self.desired["releases"]] if self.desired else []
        is_building = any(self.releases.state(uid)[0] == "building" for uid in uids)
        return not is_building and upgrade.pending(self.home) is None

    def hear_time(self, master):
        """Follow the Master's clock; what this process stamped before it first heard it moves too."""
        behind = clock.hear(master)
        if behind:
            self.meters.shift(behind)
        if behind and not self.knows_time:
            self.spool.shift(behind, after=self.begun_at)
        if abs(behind) >= TOLD_SECONDS:
            way = "behind" if behind > 0 else "ahead of"
            self.event("", "clock", f"the clock was {abs(behind):.0f} s {way} the Master's")
        self.knows_time = True

    def waits_for_master(self, instance):
        """Return whether an instance may run elsewhere since the machine was started."""
        return bool(instance.get("guarded")) and self.heard_boot != self.boot

    def heard(self):
        """The Master knows what this node is to run: all of it may start."""
        if self.heard_boot != self.boot:
            self.heard_boot = self.boot
            write_json(self.home.state / "heard.json", self.heard_boot)
            self.wake()

    def _hold_back(self, desired):
        """After a restart of the machine, keep supervisord from what waits for the Master."""
        for spec in desired["partitions"]:
            if spec["instance"] and self.waits_for_master(spec["instance"]):
                for name in self.services_of(spec["name"]):
                    self.processes.remove(name)

    def was_heard(self, seen, hashes):
        """The Master has a report of this very process: the agent has proved itself."""
        if self.is_on_trial and seen and seen in hashes:
            upgrade.confirm(self.home, self.version)
            self.is_on_trial, self.refused = False, {}

    # Convergence.

    def converge(self):
        """Make one pass over everything; return whether all is as desired."""
        if self.desired is None:
            return True
        with self.lock:
            desired = self.desired
        self._hold_back(desired)
        if self.processes.ensure():
            self.event("", "restart", "the supervisor was started")
        self.states = self.processes.states() or {}
        for release in desired["releases"]:
            self.releases.ensure(release)
        for spec in desired["partitions"]:
            self.partitions.setdefault(spec["name"], Partition(self, spec["name"]))
        with ThreadPoolExecutor(IN_PARALLEL) as pool:
            there = list(pool.map(self._converge_one, desired["partitions"]))
        releases = [self.releases.state(one["uid"])[0] for one in desired["releases"]]
        self.releases.prune([one["uid"] for one in desired["releases"]])
        self.backups.look(desired)
        self.stores.look(desired)
        self.witness.look(desired)
        with self.lock:
            if desired is self.desired:
                done = all(there) and all(state == "ready" for state in releases)
                self.applied = desired["revision"] if done else ""
        return bool(self.applied)

    def _converge_one(self, spec):
        for name in self.services_of(spec["name"]):
            if self.states.get(name, ("",))[0] in CRASHED:
                self.processes.start(name)
        is_there = self.partitions[spec["name"]].converge(spec)
        return is_there and not self.backups.is_awaited(spec)

    def measure(self):
        """Read the meters; put samples on disk when their interval is over."""
        instances, services = {}, {}
        for name, partition in list(self.partitions.items()):
            if partition.uid and partition.state not in ("wiped", "empty", "prepared"):
                instances[name] = partition.uid
        for service, (_, _, pid) in self.states.items():
            if pid:
                services[pid] = service.split(".")[0]
        self.meters.look(instances, services, self.processes.pid())
        self._look_at_traffic(instances)
        interval = METERING_SECONDS
        if self.desired:
            interval = self.desired.get("metering", {}).get("interval_seconds", interval)
        for count, seconds in STRETCHED:
            if self.spool.unwritten or len(self.spool.waiting) > count:
                interval = max(interval, seconds)
        found = self.meters.harvest(interval)
        if found:
            self.meters.counters.keep(self.spool.sequence + len(found))
        lost = self.spool.append(found)
        if lost:
            said = f"{lost} samples were given up: the spool is full and nobody fetches it"
            self.event("", "samples_lost", said)

    def _look_at_traffic(self, instances):
        places = {
            one["name"]: (self.users[one["name"]], one["port_first"], one["port_count"])
            for one in (self.desired or {"partitions": []})["partitions"]
            if self.user_name_of(one["name"])
        }
        numbers, problem = self.traffic.look(places)
        if problem:
            self.event("", "network", problem)
        for partition in set(numbers) & set(instances):
            uid, accuracy = instances[partition], self.traffic.accuracy
            self.meters.take_traffic(partition, uid, numbers[partition], accuracy)

    def look_around(self):
        """Take the facts that move again, at a bounded rate."""
        if clock.monotonic() - self.facts_at >= FACTS_SECONDS:
            self.facts_at = clock.monotonic()
            self.facts = dict(renewed(self.facts, moving(self.home)), **self.upkeep.look())

    # The report.

    def report(self):
        """Return what the Master is told; `state_hash` names all but the samples."""
        releases = []
        for one in self.desired["releases"] if self.desired else []:
            state, reason, tail = self.releases.state(one["uid"])
            releases.append({"uid": one["uid"], "state": state, "reason": reason, "log_tail": tail})
        content = {
            "format": FORMAT,
            "node": self.home.identity().get("node", ""),
            "agent_version": self.version,
            "boot_id": boot_id(),
            "revision": self.desired["revision"] if self.desired else "",
            "revision_applied": self.applied,
            "fence": self.fence,
            "releases": releases,
            "partitions": [one.report() for _, one in sorted(self.partitions.items())],
            "events": self.events,
            "facts": self.facts,
            "backups": self.backups.report(),
            "stores": self.stores.report(),
            "seen": dict(sorted(self.witness.seen.items())),
            "agent_refused": {key: self.refused.get(key, "") for key in ("version", "reason")},
        }
        text = json.dumps(dict(content, fence=0), sort_keys=True)
        content["state_hash"] = hashlib.sha256(text.encode()).hexdigest()
        content["epoch"] = self.spool.epoch
        content["position"] = self.spool.sequence
        content["samples"] = self.spool.waiting[:MOST_SAMPLES]
        return content
