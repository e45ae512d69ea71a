"""Control groups, version 1 and 2: they count and limit a partition, where we may use them."""

import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
END_SECONDS = 10
PERIOD_MICROSECONDS = 100000
CONTROLLERS = ("cpu", "memory", "pids")


def _quota(millis):
    """Return thousandths of a core as microseconds of each period; the kernel takes 1,000 or more."""
    return str(max(1000, millis * PERIOD_MICROSECONDS // 1000))


# What holds a limit: its controller, the file, how an amount is written, and what lifts it.
HELD = {
    "v1": {
        "memory_bytes": ("memory", "memory.limit_in_bytes", str, "-1"),
        "cpu_millis": ("cpu", "cpu.cfs_quota_us", _quota, "-1"),
        "processes": ("pids", "pids.max", str, "max"),
    },
    "v2": {
        "memory_bytes": ("memory", "memory.max", str, "max"),
        "cpu_millis": ("cpu", "cpu.max", _quota, "max"),
        "processes": ("pids", "pids.max", str, "max"),
    },
}
# Where the kernel counts how often a limit was met: the controller, the file, the word.
HITS = {
    "v1": {
        "memory_bytes": ("memory", "memory.oom_control", "oom_kill"),
        "processes": ("pids", "pids.events", "max"),
    },
    "v2": {
        "memory_bytes": ("memory", "memory.events", "oom_kill"),
        "processes": ("pids", "pids.events", "max"),
    },
}


class Cgroups:
    """The hierarchies of this machine that we can write to; `kind` is v1, v2 or none."""

    def __init__(self, name):
        self.name = name
        self.kind = "none"
        # {controller: our group there}; in version 2 they are one.
        self.groups = {}
        self.limited = {}
        if os.geteuid() != 0:
            return
        if (ROOT / "cgroup.controllers").exists():
            self._try("v2", {"cpuacct": ROOT})
        elif (ROOT / "cpuacct").is_dir() and (ROOT / "memory").is_dir():
            self._try("v1", {"cpuacct": ROOT / "cpuacct", "memory": ROOT / "memory"})

    def _try(self, kind, needed):
        try:
            for base in needed.values():
                (base / self.name).mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        self.kind = kind
        self.groups = {name: base / self.name for name, base in needed.items()}
        for name in CONTROLLERS:
            if kind == "v2" and self._delegates(name):
                self.groups[name] = ROOT / self.name
            elif kind == "v1" and name not in self.groups:
                self._try_more(name)

    def _try_more(self, name):
        """Use one more hierarchy of version 1, if it is there and ours to use."""
        try:
            if (ROOT / name).is_dir():
                (ROOT / name / self.name).mkdir(exist_ok=True)
                self.groups[name] = ROOT / name / self.name
        except OSError:
            return

    def _delegates(self, name):
        """Ask for one controller below us; CPU time is counted without any."""
        for place in (ROOT, ROOT / self.name):
            try:
                (place / "cgroup.subtree_control").write_text("+" + name)
            except OSError:
                continue
        given = ROOT / self.name / "cgroup.subtree_control"
        try:
            return name in given.read_text().split()
        except OSError:
            return False

    @property
    def bases(self):
        """Return our groups, each once."""
        return sorted(set(self.groups.values()))

    @property
    def holds(self):
        """Return the limits that the kernel holds for us."""
        known = HELD.get(self.kind, {})
        return {limit for limit, (name, _, _, _) in known.items() if name in self.groups}

    def make(self, partition, limits):
        """Make the groups of one partition and set its limits, when they are not as they should be.

        Raises:
            OSError: the kernel refuses a limit: more memory is held than it allows.
        """
        is_new = False
        for base in self.bases:
            if not (base / partition).is_dir():
                (base / partition).mkdir()
                is_new = True
        if is_new or self.limited.get(partition) != limits:
            self.limited.pop(partition, None)
            for limit in sorted(self.holds):
                self._set(partition, limit, limits.get(limit))
            self.limited[partition] = dict(limits)

    def _set(self, partition, limit, amount):
        controller, name, written, lifted = HELD[self.kind][limit]
        group = self.groups[controller] / partition
        text = written(amount) if amount else lifted
        if limit == "memory_bytes":
            self._without_swap(group, text)
        else:
            (group / name).write_text(text)

    def _without_swap(self, group, text):
        """Limit memory, and with it swap: what is swapped out would not be limited at all."""
        if self.kind == "v2":
            (group / "memory.max").write_text(text)
            swap = group / "memory.swap.max"
            if swap.exists():
                swap.write_text("max" if text == "max" else "0")
            return
        both = group / "memory.memsw.limit_in_bytes"
        if both.exists():
            # The sum may never be lower than the memory: lifted first, set last.
            both.write_text("-1")
        (group / "memory.limit_in_bytes").write_text(text)
        if both.exists():
            both.write_text(text)

    def hits(self, partition):
        """Return {limit: how often it was met} of those that the kernel counts."""
        found = {}
        for limit, (controller, name, word) in HITS.get(self.kind, {}).items():
            try:
                text = (self.groups[controller] / partition / name).read_text()
            except (KeyError, OSError):
                continue
            counts = [line.split()[1] for line in text.splitlines() if line.split()[0] == word]
            found[limit] = int(counts[0]) if counts else 0
        return found

    def join(self, partition):
        """Put the calling process, and so all its children, into the partition's groups."""
        for base in self.bases:
            (base / partition / "cgroup.procs").write_text(str(os.getpid()))

    def cpu_seconds(self, partition):
        """Return the CPU seconds used since the group was made, or None."""
        try:
            if self.kind == "v1":
                return int((self.groups["cpuacct"] / partition / "cpuacct.usage").read_text()) / 1e9
            if self.kind == "v2":
                text = (self.groups["cpuacct"] / partition / "cpu.stat").read_text()
                for line in text.splitlines():
                    if line.startswith("usage_usec"):
                        return int(line.split()[1]) / 1e6
        except (OSError, ValueError):
            return None
        return None

    def memory_bytes(self, partition):
        """Return the memory held now, or None."""
        names = {"v1": "memory.usage_in_bytes", "v2": "memory.current"}
        if "memory" not in self.groups:
            return None
        try:
            return int((self.groups["memory"] / partition / names[self.kind]).read_text())
        except (OSError, ValueError):
            return None

    def pids(self, partition):
        """Return the processes of a partition."""
        if self.kind == "none":
            return []
        try:
            text = (self.groups["cpuacct"] / partition / "cgroup.procs").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def end(self, partition):
        """Kill the processes of a group and what they start meanwhile; then it is gone."""
        until = time.monotonic() + END_SECONDS
        pids = self.pids(partition)
        if pids:
            self._forbid_more(partition)
        while pids and time.monotonic() < until:
            kill(pids)
            time.sleep(0.05)
            pids = self.pids(partition)
        self.remove(partition)

    def _forbid_more(self, partition):
        """Have no new process begin: one that forks without end is faster than we are."""
        self.limited.pop(partition, None)
        if "pids" in self.groups:
            try:
                (self.groups["pids"] / partition / "pids.max").write_text("0")
            except OSError:
                return

    def remove(self, partition):
        """Remove the groups of a partition that has no processes any more."""
        self.limited.pop(partition, None)
        for base in self.bases:
            try:
                (base / partition).rmdir()
            except OSError:
                continue


def kill(pids):
    """Kill processes, of which some may be gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
