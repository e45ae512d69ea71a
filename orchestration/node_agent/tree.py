"""CPU and memory where there are no control groups: from each service's tree of processes.

The kernel adds the time of a process to its parent's when the parent waits for it. So the times of
a service, of all that descend from it, and of what they have waited for, add up to all that the
service ever used, however short each of them lived; what ends and is waited for by nobody, or by a
process outside of the tree, is missed.

Source: docs/adr/0019-how-cpu-is-counted.md
"""

import os

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# A sum that falls for so many looks has lost a process for good; before that, one was on its way
# from the list of processes into its parent's time while we looked.
LOST_AFTER = 3


class ProcessTree:
    """Remembers what each service had used at the last look."""

    def __init__(self):
        # {(pid, when it began): [partition, ticks counted, looks since the sum fell]}
        self.services = {}
        self.reaped = None
        self.has_looked = False

    def look(self, services, supervisor=None):
        """Return {partition: (CPU seconds since the last look, memory bytes)}.

        Args:
            services: {pid: partition} of the services that run now.
            supervisor: the pid of who waits for them: what one used before it ended is in its time.
        """
        found = {partition: [0.0, 0] for partition in services.values()}
        table = _table()
        members = _members(table, services)
        before, self.services = self.services, {}
        for pid, partition in services.items():
            if pid not in table:
                continue
            mine = [table[member] for member in members[pid]]
            key = (pid, table[pid]["started"])
            used = self._used(key, partition, sum(one["ticks"] for one in mine), before)
            found[partition][0] += used / TICKS
            found[partition][1] += sum(one["pages"] for one in mine) * PAGE
        for partition, ticks in self._ended(before, table.get(supervisor)).items():
            found.setdefault(partition, [0.0, 0])[0] += ticks / TICKS
        self.has_looked = True
        return {partition: tuple(sums) for partition, sums in found.items()}

    def _used(self, key, partition, ticks, before):
        """Return the ticks since the last look; the first look of all is where counting begins."""
        begin = [partition, 0 if self.has_looked else ticks, 0]
        _, counted, falls = before.get(key, begin)
        if ticks >= counted:
            self.services[key] = [partition, ticks, 0]
            return ticks - counted
        is_lost = falls + 1 >= LOST_AFTER
        self.services[key] = [partition, ticks if is_lost else counted, 0 if is_lost else falls + 1]
        return 0

    def _ended(self, before, supervisor):
        """Return {partition: ticks} of services that ended since the last look.

        Several that ended together cannot be told apart unless they are of one partition.
        """
        if supervisor is None:
            self.reaped = None
            return {}
        life, reaped = supervisor["started"], supervisor["children"]
        was, self.reaped = self.reaped, (life, reaped)
        gone = [one for key, one in before.items() if key not in self.services]
        partitions = {partition for partition, _, _ in gone}
        if was is None or was[0] != life or len(partitions) != 1:
            return {}
        counted = sum(ticks for _, ticks, _ in gone)
        return {partitions.pop(): max(0, reaped - was[1] - counted)}


def _table():
    """Return {pid: what the kernel says of it}; nothing where there is no /proc."""
    entries = os.listdir("/proc") if os.path.isdir("/proc/self") else []
    found = {int(entry): _stat(entry) for entry in entries if entry.isdigit()}
    return {pid: facts for pid, facts in found.items() if facts}


def _members(table, services):
    """Return {service: its processes}: what descends from it, and what is of its group."""
    owner = {pid: pid for pid in services}
    members = {pid: [] for pid in services}
    for pid in table:
        path, at = [], pid
        while at not in owner and at in table:
            path.append(at)
            owner[at] = None
            at = table[at]["parent"]
        root = owner.get(at)
        for one in path:
            group = table[one]["group"]
            owner[one] = root or (group if group in services else None)
        if owner[pid] is not None:
            members[owner[pid]].append(pid)
    return members


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    own, children = (sum(int(fields[at]) for at in pair) for pair in ((11, 12), (13, 14)))
    return {
        "parent": int(fields[1]),
        "group": int(fields[2]),
        "ticks": own + children,
        "children": children,
        "started": fields[19],
        "pages": int(fields[21]),
    }
