"""The Unix users of partitions, and what runs as them."""

import pwd
from pathlib import Path


def processes_of(uid):
    """Return the processes of a user."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid:
                found.append(int(entry.name))
        except FileNotFoundError:
            continue
    return found


def user_ids(name):
    """Return (uid, gid) of a user."""
    user = pwd.getpwnam(name)
    return user.pw_uid, user.pw_gid
