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


def facts(home, cgroup_kind):
    """Return the facts that the report carries."""
    disk = shutil.disk_usage(str(home.path))
    return {
        "hostname": socket.gethostname(),
        "cpus": os.cpu_count() or 1,
        "memory_bytes": memory_bytes(),
        "disk_bytes": disk.total,
        # In steps of 64 MiB: every byte written would make a new report.
        "disk_free_bytes": disk.free // 2**26 * 2**26,
        "os": system_name(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "privileged": home.is_privileged(),
        "cgroup": cgroup_kind,
        "boot_id": boot_id(),
    }
