"""What the report of a partition says, in words, and the times in it."""

import errno
import os
from datetime import datetime, timezone

from .clock import clock
from .fill import fill

TAIL = 4000


def said(error):
    """Return an error in words: a full disk is nothing that the service could mend."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the node's disk is full: what runs goes on, nothing new can be written"
    return f"{type(error).__name__}: {error}"[:500]


def fill_all(value, values):
    """Fill a text, or the texts in a list or an object; anything else stays as it is."""
    if isinstance(value, list):
        return [fill_all(one, values) for one in value]
    if isinstance(value, dict):
        return {key: fill_all(one, values) for key, one in value.items()}
    return fill(value, values) if isinstance(value, str) else value


def steady(result):
    """Return the message without its milliseconds: they would make every report a new one."""
    return result["message"].rsplit(" in ", 1)[0] if result["ok"] else result["message"]


def print_of(path):
    """Return what changes when somebody touches a file."""
    try:
        facts = os.lstat(str(path))
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino, facts.st_mode, facts.st_uid


def now_text():
    """Return the time as reports write it."""
    return datetime.fromtimestamp(clock.wall(), timezone.utc).isoformat()


def tails(logs):
    """Return the ends of logs, as much of them as a report carries."""
    found = [path.read_bytes()[-TAIL:].decode("utf-8", "replace") for path in logs if path.exists()]
    return "\n".join(found)[-TAIL:]
