"""What the recurring checks make of what is known: pure.

Every check says in words what is wrong and what to do; what nobody can know is unknown, not well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestration.maintenance.states import Verdict
from orchestration.maintenance.trend import Point, in_days, reaches
from orchestration.nodes.standing import DISK_PER_CENT, in_words, number

DISK_SOON = timedelta(days=14)
DISK_WATCHED = timedelta(days=60)
CERTIFICATE_SOON = timedelta(days=14)
CERTIFICATE_LATE = timedelta(days=30)
KEY_AGE = timedelta(days=365)
# What differs from the Master's by less is well.
CLOCK_WARN_MS, CLOCK_FAIL_MS = 5_000, 60_000
AGENT_LATE = timedelta(days=1)
BACKUP_AGE = timedelta(hours=26)

TITLES: Mapping[str, str] = {
    "updates": "System updates",
    "reboot": "Reboot",
    "disk": "Disk",
    "disk-health": "Disk health",
    "clock": "Clock",
    "agent": "Agent",
    "certificate": "Certificate of the node",
    "node-key": "Key of the node",
    "authority": "Authority of nodes that call",
    "portal": "Certificate of the portal",
    "field-key": "Key of secrets at rest",
    "backup": "Backup of the Master",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What one check says; `value` is what a trend is drawn from."""

    name: str
    verdict: Verdict
    message: str
    value: int | None = None


def updates(facts: Mapping[str, Any]) -> Found:
    """Security updates that wait are a failure; others a warning."""
    pending, urgent = number(facts, "updates_pending"), number(facts, "updates_security")
    if pending is None:
        return Found("updates", Verdict.UNKNOWN, "The machine does not say which updates wait.")
    if urgent:
        said = f"{urgent} security updates wait of {pending}: plan a window and install them."
        return Found("updates", Verdict.FAILED, said, pending)
    if pending:
        said = f"{pending} updates wait, none of them for security."
        return Found("updates", Verdict.WARN, said, pending)
    return Found("updates", Verdict.OK, "No update waits.", 0)


def reboot(facts: Mapping[str, Any]) -> Found:
    """A machine that asks for a reboot runs code that is known to be old."""
    needed = facts.get("reboot_required")
    if not isinstance(needed, bool):
        return Found("reboot", Verdict.UNKNOWN, "The machine does not say whether it needs one.")
    if needed:
        return Found("reboot", Verdict.FAILED, "It asks for a reboot: plan a window for it.", 1)
    return Found("reboot", Verdict.OK, "It needs none.", 0)


def disk(facts: Mapping[str, Any], past: Sequence[Point], at: datetime) -> Found:
    """Say when the disk is full, by a straight line through what it held."""
    total, free = number(facts, "disk_bytes"), number(facts, "disk_free_bytes")
    if not total or free is None:
        return Found("disk", Verdict.UNKNOWN, "The machine does not say how full it is.")
    used = max(total - free, 0)
    share = used * 100 // total
    held = f"{share} % of the disk is used"
    if free * 100 < total * DISK_PER_CENT[0]:
        return Found("disk", Verdict.FAILED, f"{held}: make room, or move services away.", used)
    left = reaches([*past, (at, used)], total)
    if left is None:
        return Found("disk", Verdict.OK, f"{held}; it is not filling up.", used)
    said = f"{held}; at this pace it is full in {in_days(left)}."
    if left < DISK_SOON:
        return Found("disk", Verdict.FAILED, said, used)
    return Found("disk", Verdict.WARN if left < DISK_WATCHED else Verdict.OK, said, used)


def disk_health(facts: Mapping[str, Any]) -> Found:
    """Pass on what the disks say of themselves, where something asks them."""
    said = facts.get("disk_health")
    if not isinstance(said, str) or not said:
        message = "Nobody asks the disks: install smartmontools on the machine."
        return Found("disk-health", Verdict.UNKNOWN, message)
    if said.startswith("failing"):
        message = f"A disk says that it fails ({said}): move services away and replace it."
        return Found("disk-health", Verdict.FAILED, message)
    if said.startswith("ok"):
        return Found("disk-health", Verdict.OK, "All disks say that they are well.")
    return Found("disk-health", Verdict.UNKNOWN, f"The disks say nothing of their health ({said}).")


def clock(offset_ms: int | None) -> Found:
    """A clock that is wrong makes certificates and logs wrong."""
    if offset_ms is None:
        return Found("clock", Verdict.UNKNOWN, "Its clock was not read yet.")
    said, apart = f"The clock is {in_words(offset_ms)}.", abs(offset_ms)
    if apart > CLOCK_FAIL_MS:
        return Found("clock", Verdict.FAILED, f"{said} Is a time service running there?", apart)
    return Found("clock", Verdict.WARN if apart > CLOCK_WARN_MS else Verdict.OK, said, apart)


def agent(*, has: str, shipped: str, refused: str, refusal: str, is_held: bool) -> Found:
    """Say whether the node runs the agent that this Master ships."""
    if not has:
        return Found("agent", Verdict.UNKNOWN, "It has no agent yet.")
    if has == shipped:
        return Found("agent", Verdict.OK, f"It runs {has[:12]}, which this Master ships.")
    if refused == shipped:
        said = f"It put {shipped[:12]} back: {refusal.partition(chr(10))[0][:200]}"
        return Found("agent", Verdict.FAILED, said)
    why = "a campaign decides when" if is_held else "it changes by itself soon"
    said = f"It runs {has[:12]}, this Master ships {shipped[:12]}: {why}."
    return Found("agent", Verdict.WARN, said)


def expiry(name: str, until: datetime | None, at: datetime, *, todo: str) -> Found:
    """Say how long a certificate is good."""
    if until is None:
        return Found(name, Verdict.UNKNOWN, "Nobody could read until when it is good.")
    left = until - at
    days = max(left // timedelta(days=1), 0)
    if left <= timedelta(0):
        return Found(name, Verdict.FAILED, f"It has expired. {todo}", 0)
    said = f"It is good for {in_days(left)}."
    if left < CERTIFICATE_SOON:
        return Found(name, Verdict.FAILED, f"{said} {todo}", days)
    return Found(name, Verdict.WARN if left < CERTIFICATE_LATE else Verdict.OK, said, days)


def node_key(made_at: datetime | None, at: datetime, *, is_changing: bool) -> Found:
    """Say how old a node's own SSH key is, or that it is being changed."""
    if is_changing:
        return Found("node-key", Verdict.WARN, "It is being changed: the next visit goes on.")
    return age("node-key", made_at, at, todo="Change it on the node's page of checks.")


def age(name: str, made_at: datetime | None, at: datetime, *, todo: str) -> Found:
    """Say how old a key is; one that is older than a year is to be rotated."""
    if made_at is None:
        return Found(name, Verdict.UNKNOWN, f"Nobody knows how old it is. {todo}")
    old = at - made_at
    days = max(old // timedelta(days=1), 0)
    if old > KEY_AGE:
        return Found(name, Verdict.FAILED, f"It is {days} days old. {todo}", days)
    return Found(name, Verdict.OK, f"It is {in_days(old)} old.", days)
