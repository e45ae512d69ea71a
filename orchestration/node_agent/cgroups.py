"""Control groups, version 1 and 2: exact CPU and memory of a partition, where we may use them."""

import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
END_SECONDS = 10


class Cgroups:
    """The hierarchies of this machine that we can write to; `kind` is v1, v2 or none."""

    def __init__(self, name):
        self.name = name
        self.kind = "none"
        self.cpu = self.memory = None
        if os.geteuid() != 0:
            return
        if (ROOT / "cgroup.controllers").exists():
            self._try("v2", ROOT, ROOT)
        elif (ROOT / "cpuacct").is_dir() and (ROOT / "memory").is_dir():
            self._try("v1", ROOT / "cpuacct", ROOT / "memory")

    def _try(self, kind, cpu, memory):
        try:
            for base in (cpu, memory):
                (base / self.name).mkdir(parents=True, exist_ok=True)
            if kind == "v2":
                self._delegate(cpu)
        except OSError:
            return
        self.kind, self.cpu, self.memory = kind, cpu / self.name, memory / self.name

    def _delegate(self, root):
        """Ask for the memory controller below us; CPU time is counted without any."""
        for place in (root, root / self.name):
            try:
                (place / "cgroup.subtree_control").write_text("+memory")
            except OSError:
                continue

    def make(self, partition):
        """Make the groups of one partition."""
        if self.kind != "none":
            for base in {self.cpu, self.memory}:
                (base / partition).mkdir(exist_ok=True)

    def join(self, partition):
        """Put the calling process, and so all its children, into the partition's groups."""
        if self.kind != "none":
            for base in {self.cpu, self.memory}:
                (base / partition / "cgroup.procs").write_text(str(os.getpid()))

    def cpu_seconds(self, partition):
        """Return the CPU seconds used since the group was made, or None."""
        try:
            if self.kind == "v1":
                return int((self.cpu / partition / "cpuacct.usage").read_text()) / 1e9
            if self.kind == "v2":
                for line in (self.cpu / partition / "cpu.stat").read_text().splitlines():
                    if line.startswith("usage_usec"):
                        return int(line.split()[1]) / 1e6
        except (OSError, ValueError):
            return None
        return None

    def memory_bytes(self, partition):
        """Return the memory held now, or None."""
        names = {"v1": "memory.usage_in_bytes", "v2": "memory.current"}
        if self.kind == "none":
            return None
        try:
            return int((self.memory / partition / names[self.kind]).read_text())
        except (OSError, ValueError):
            return None

    def pids(self, partition):
        """Return the processes of a partition."""
        if self.kind == "none":
            return []
        try:
            text = (self.cpu / partition / "cgroup.procs").read_text()
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def end(self, partition):
        """Kill the processes of a group and what they start meanwhile; then it is gone."""
        until = time.monotonic() + END_SECONDS
        pids = self.pids(partition)
        while pids and time.monotonic() < until:
            kill(pids)
            time.sleep(0.05)
            pids = self.pids(partition)
        self.remove(partition)

    def remove(self, partition):
        """Remove the groups of a partition that has no processes any more."""
        if self.kind != "none":
            for base in {self.cpu, self.memory}:
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
