"""How a state looks: one table from the word of a state to a tone, an icon and a label."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """A tone (ok, warn, bad, busy, idle) and the icon that says the same without colour."""

    tone: str
    icon: str


OK = Look("ok", "check-circle")
WARN = Look("warn", "exclamation-triangle")
BAD = Look("bad", "x-circle")
BUSY = Look("busy", "arrow-path")
IDLE = Look("idle", "minus-circle")
STOPPED = Look("idle", "pause-circle")
OPEN = Look("busy", "chat-bubble-left-ellipsis")
DRAFT = Look("idle", "pencil-square")
WAITING = Look("busy", "clock")

_LOOKS: Mapping[Look, str] = {
    OK: "ok active started ready paid issued accepted succeeded done matched posted healthy "
    "published verified passed yes operating sent",
    WARN: "warn warning parked suspended overdue draining late partly_paid at_risk expiring "
    "degraded due",
    BAD: "bad fatal failed unreachable refused error rejected silent lost breached no down "
    "given_up disabled",
    BUSY: "busy enrolling building starting stopping running converging checking moving sending "
    "maintenance copying preparing restoring",
    WAITING: "waiting placed pending queued in_review proposed planned scheduled announced",
    OPEN: "open",
    STOPPED: "stopped paused",
    DRAFT: "draft drafted new",
    IDLE: "idle ended closed destroyed wiped retired credited cancelled skipped unknown "
    "used expired",
}
_BY_WORD = {word: look for look, words in _LOOKS.items() for word in words.split()}


def look_of(word: str) -> Look:
    """Return how the word of a state looks; a word that nobody listed is neutral."""
    return _BY_WORD.get(word.lower(), IDLE)


# Words of states and meters that are not written in small letters.
_SPELT = {"cpu": "CPU", "gib": "GiB", "os": "OS", "id": "ID", "vat": "VAT", "url": "URL"}


def label_of(word: str) -> str:
    """Return `partly_paid` as `Partly paid`, `cpu_seconds` as `CPU seconds`."""
    words = [_SPELT.get(part, part) for part in word.split("_")]
    first = words[0] if words[0] in _SPELT.values() else words[0].capitalize()
    return " ".join([first, *words[1:]])
