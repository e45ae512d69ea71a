"""What this machine is."""

import os
import platform
import shutil
import socket
from pathlib import Path


def boot_id():
    """Return a name for this boot of the machine."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


def boot_mark():
    """Return a name for this start of the machine, also where it is a container."""
    try:
        # The name of a process may hold anything, so the fields are counted from behind it.
        began = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        began = ""
    return f"{boot_id()}:{began}"


def system_name():
    """Return the distribution in words."""
    path = Path("/etc/os-release")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.split("=", 1)[1].strip('"')
    return platform.system()


def memory_bytes():
    """Return the size of the memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_available_bytes():
    """Return the memory that could be had without swapping, or None where nobody tells."""
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def moving(home):
    """Return what changes by itself: free disk, available memory, load of five minutes."""
    found = {"disk_free_bytes": shutil.disk_usage(str(home.path)).free}
    available = memory_available_bytes()
    if available is not None:
        found["memory_available_bytes"] = available
    if hasattr(os, "getloadavg"):
        found["load_per_cent"] = int(os.getloadavg()[1] * 100)
    return found


# A fact of its kind is told anew when it moved by this share of the whole, or by this much:
# every change makes a new report.
_SHARE = {"disk_free_bytes": "disk_bytes", "memory_available_bytes": "memory_bytes"}
_PARTS = 50


def renewed(before, found):
    """Return the facts with what moved far enough; the same facts when nothing did."""
    after = dict(before)
    for name, value in found.items():
        step = before[_SHARE[name]] // _PARTS if name in _SHARE else 100 * before["cpus"]
        if name not in before or abs(value - before[name]) >= step:
            after[name] = value
    return after


def facts(home, cgroup_kind):
    """Return the facts that the report carries."""
    disk = shutil.disk_usage(str(home.path))
    found = {
        "hostname": socket.gethostname(),
        "cpus": os.cpu_count() or 1,
        "memory_bytes": memory_bytes(),
        "disk_bytes": disk.total,
        "os": system_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "privileged": home.is_privileged(),
        "cgroup": cgroup_kind,
        "boot_id": boot_id(),
    }
    found.update(moving(home))
    return found
