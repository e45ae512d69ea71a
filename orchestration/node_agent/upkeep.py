"""What a machine needs of its keeper: updates that wait, a reboot, disks that fail.

Asking costs seconds of CPU, so it is done a few times a day, beside the passes.
"""

import logging
import os
import shutil
import subprocess
import threading
from pathlib import Path

from .clock import clock

EVERY_SECONDS = 6 * 3600
# After a start the services come first.
FIRST_SECONDS = 60
COMMAND_SECONDS = 120
MOST_DISKS = 50
REBOOT = Path("/var/run/reboot-required")
log = logging.getLogger("tenantry")


def _run(*command):
    """Return (exit code, output) of a command that changes nothing, or None when it cannot run."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            env=dict(os.environ, LC_ALL="C"),
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.info("%s does not run: %s", command[0], error)
        return None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def updates():
    """Return how many packages would be renewed, and how many for security; {} when unknown."""
    if not shutil.which("apt-get"):
        return {}
    said = _run("apt-get", "-s", "-o", "Debug::NoLocking=1", "dist-upgrade")
    if said is None or said[0]:
        return {}
    lines = [line for line in said[1].splitlines() if line.startswith("Inst ")]
    urgent = [line for line in lines if "security" in line.lower()]
    return {"updates_pending": len(lines), "updates_security": len(urgent)}


def reboot():
    """Return whether the system asks for a reboot; {} where it never says so."""
    if not shutil.which("apt-get"):
        return {}
    return {"reboot_required": REBOOT.exists()}


def disk_health():
    """Return what the disks say of themselves, where smartctl may ask them."""
    program = shutil.which("smartctl") or shutil.which("smartctl", path="/usr/sbin:/sbin")
    scanned = _run(program, "--scan") if program else None
    if scanned is None:
        return {}
    disks = [line.split()[0] for line in scanned[1].splitlines() if line.startswith("/dev/")]
    failing, silent = [], []
    for disk in disks[:MOST_DISKS]:
        said = _run(program, "-H", disk)
        # Bit 3 of the exit code: the disk says that it is failing (smartctl(8)).
        if said and said[0] & 8:
            failing.append(disk)
        elif said is None or said[0] & 7 or not ("PASSED" in said[1] or "OK" in said[1]):
            silent.append(disk)
    if failing:
        return {"disk_health": "failing: " + " ".join(failing)[:150]}
    if silent or not disks:
        return {"disk_health": "unknown: " + (" ".join(silent)[:150] or "no disk is known")}
    return {"disk_health": "ok"}


def needs():
    """Return all of it."""
    found = {}
    for ask in (updates, reboot, disk_health):
        found.update(ask())
    return found


class Upkeep:
    """Asks beside the passes, and hands over what it heard."""

    def __init__(self):
        self.heard = {}
        self.next_at = clock.monotonic() + FIRST_SECONDS
        self.thread = None

    def look(self):
        """Return what was heard last; ask again when it is time."""
        is_asking = self.thread is not None and self.thread.is_alive()
        if clock.monotonic() >= self.next_at and not is_asking:
            self.next_at = clock.monotonic() + EVERY_SECONDS
            self.thread = threading.Thread(target=self._ask, daemon=True)
            self.thread.start()
        return self.heard

    def _ask(self):
        self.heard = needs()
