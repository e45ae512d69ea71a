"""What each partition uses: CPU seconds, GiB-hours of memory and of disk, GiB of traffic."""

import os
from datetime import datetime, timezone
from decimal import Decimal

from .clock import clock
from .declared import PERIOD_SECONDS, SMALLEST, Counters
from .facts import boot_id
from .traffic import METERS
from .tree import ProcessTree

GIB = 1024.0**3
DISK_EVERY_SECONDS = 60
MOST_FILES = 200000
# Kept in the counters' file beside declared meters, none of which can be called so.
KEPT_CPU = ":cpu"
# The unit of a declared meter's usage, by its kind: what is held counts by the hour.
BILLED = {"counter": "{}", "gauge": "{}.h"}
# What a node keeps of others' backups, for whom it keeps it.
STORED = {"name": "backup_gib_hours", "unit": "GiB", "kind": "gauge"}


def disk_bytes(path):
    """Return the bytes that a directory's files take on disk, each hard link once."""
    total, seen, count, folders = 0, set(), 0, [str(path)]
    # Not by recursion, which ends the deeper somebody nests: for all partitions of the node.
    while folders:
        for entry in _entries(folders.pop()):
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                facts = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            count += 1
            if count > MOST_FILES:
                return total
            if facts.st_nlink > 1:
                if (facts.st_dev, facts.st_ino) in seen:
                    continue
                seen.add((facts.st_dev, facts.st_ino))
            total += facts.st_blocks * 512
    return total


def _entries(folder):
    """Return what is in a folder; nothing where it is gone or may not be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


class Meters:
    """Adds up readings and turns them into samples, one per instance, meter and interval."""

    def __init__(self, home, cgroups, sequence=0):
        self.home = home
        self.cgroups = cgroups
        self.tree = ProcessTree()
        self.boot = boot_id()
        self.last_cpu = {}
        self.has_looked = False
        self.sums = {}
        self.disks = {}
        self.counters = Counters(home, sequence)
        # {(partition, instance): {meter: (what it is, amount)}}, and what gauges stand at.
        self.declared, self.gauges = {}, {}
        # {instance: bytes of its backups that are kept here}
        self.stored = {}
        self.looked_at = clock.monotonic()
        self.since = clock.wall()

    @property
    def accuracy(self):
        """Return how exact the CPU figure is, in a word."""
        return "process tree" if self.cgroups.kind == "none" else "cgroup " + self.cgroups.kind

    def look(self, instances, services, supervisor=None):
        """Take readings.

        Args:
            instances: {partition: instance uid} of all that exist here.
            services: {pid: partition} of what runs; `supervisor` waits for them.
        """
        now = clock.monotonic()
        elapsed, self.looked_at = now - self.looked_at, now
        if self.cgroups.kind == "none":
            readings = self.tree.look(services, supervisor)
        else:
            readings = {one: self._from_cgroup(one, uid) for one, uid in instances.items()}
            self._forget(instances)
        for partition, uid in instances.items():
            cpu, memory = readings.get(partition, (0.0, 0))
            sums = self.sums.setdefault((partition, uid), [0.0, 0.0, 0.0])
            sums[0] += cpu
            sums[1] += memory * elapsed
            sums[2] += self._disk(partition, now) * elapsed
            for meter, number in self.gauges.get((partition, uid), {}).values():
                self._add(partition, uid, meter, number * Decimal(elapsed) / 3600)
        for uid, size in self.stored.items():
            held = Decimal(size) / Decimal(int(GIB)) * Decimal(elapsed) / 3600
            self._add("", uid, STORED, held)
        self.counters.forget({f"{partition}/{uid}" for partition, uid in instances.items()})
        known = set(instances.items())
        self.gauges = {key: held for key, held in self.gauges.items() if key in known}

    def take(self, partition, uid, meter, found):
        """Take the reading of a declared meter: (number, life), or None when there is none.

        A counter is used by what it rose; a gauge is held until its next reading.
        """
        name, gauges = meter["name"], self.gauges.setdefault((partition, uid), {})
        if meter["kind"] == "gauge":
            gauges.pop(name, None)
            if found:
                gauges[name] = meter, found[0]
        elif found:
            used = self.counters.used(f"{partition}/{uid}/{name}", *found)
            self._add(partition, uid, meter, used)

    def take_traffic(self, partition, uid, numbers, accuracy):
        """Take what nftables counted of a partition: bytes received, bytes sent."""
        for name, number in zip(METERS.values(), numbers):
            meter = {"name": name, "kind": "counter", "unit": "GiB", "accuracy": accuracy}
            amount = (Decimal(number) / Decimal(GIB)).quantize(SMALLEST)
            self.take(partition, uid, meter, (amount, self.boot))

    def hold_stored(self, sizes):
        """Count what is kept of the backups of instances from now on."""
        self.stored = dict(sizes)

    def hold_only(self, partition, uid, names):
        """Hold no gauges of an instance but these: nothing is measured of what is not there."""
        held = self.gauges.get((partition, uid), {})
        for name in set(held) - set(names):
            del held[name]

    def _add(self, partition, uid, meter, amount):
        sums = self.declared.setdefault((partition, uid), {})
        _, before = sums.get(meter["name"], (meter, Decimal(0)))
        sums[meter["name"]] = meter, before + amount

    def _from_cgroup(self, partition, uid):
        total = self.cgroups.cpu_seconds(partition)
        if total is None:
            return 0.0, 0
        # A partition that is new since the first look counts from its beginning; lower than before
        # means a new group.
        before = self.last_cpu.get(
            partition, 0.0 if self.has_looked else self._kept(partition, uid)
        )
        self.last_cpu[partition] = total
        self.counters.last[f"{partition}/{uid}/{KEPT_CPU}"] = [f"{total:.9f}", self.boot]
        used = 0.0 if before is None else (total - before if total >= before else total)
        return used, self.cgroups.memory_bytes(partition) or 0

    def _kept(self, partition, uid):
        """Return what the last sample counted up to: services go on while no agent looks.

        Nothing is known of a first agent's past (None), and all groups are new after a boot.
        """
        number, boot = self.counters.last.get(f"{partition}/{uid}/{KEPT_CPU}", (None, ""))
        if number is None:
            return None
        return float(number) if boot == self.boot else 0.0

    def _forget(self, instances):
        """A group that is gone with its instance is counted from its beginning when it is back."""
        self.has_looked = True
        for partition in set(self.last_cpu) - set(instances):
            if self.cgroups.cpu_seconds(partition) is None:
                del self.last_cpu[partition]

    def _disk(self, partition, now):
        at, size = self.disks.get(partition, (None, 0))
        if at is None or now - at >= DISK_EVERY_SECONDS:
            size = disk_bytes(self.home.partitions / partition)
            self.disks[partition] = (now, size)
        return size

    def shift(self, seconds):
        """The clock was put right: what is being measured begins where it now stands."""
        self.since += seconds

    def harvest(self, interval):
        """Return the samples of the interval that is over, or none while it lasts."""
        now = clock.wall()
        if now - self.since < interval:
            # A clock that was set back must not stop the metering.
            if now < self.since:
                self.since = now
            return []
        span = _text(self.since), _text(now)
        self.since = now
        sums, self.sums = self.sums, {}
        found = [
            _sample(key, span, meter, unit, value, accuracy)
            for key, (cpu, memory, disk) in sums.items()
            for meter, unit, value, accuracy in (
                ("cpu_seconds", "s", cpu, self.accuracy),
                ("memory_gib_hours", "GiB.h", memory / GIB / 3600, self.accuracy),
                ("disk_gib_hours", "GiB.h", disk / GIB / 3600, "every minute"),
            )
        ]
        declared, self.declared = self.declared, {}
        return found + [
            _sample(
                key,
                span,
                name,
                BILLED[meter["kind"]].format(meter["unit"]),
                value,
                _how_often(meter),
            )
            for key, meters in declared.items()
            for name, (meter, value) in meters.items()
        ]


def _how_often(meter):
    return meter.get("accuracy") or "read every {} s".format(
        meter.get("period_seconds", PERIOD_SECONDS)
    )


def _sample(key, span, meter, unit, value, accuracy):
    partition, uid = key
    return {
        "partition": partition,
        "instance_uid": uid,
        "meter": meter,
        "unit": unit,
        "value": f"{value:.9f}",
        "accuracy": accuracy,
        "from": span[0],
        "to": span[1],
    }


def _text(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()
