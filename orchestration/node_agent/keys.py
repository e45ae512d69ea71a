"""The keys with which the Master may sign in: each runs the agent's session and nothing else."""

import os
import sys
from pathlib import Path

from .home import write_bytes

# Ends the lines that are ours, so that a second agent of the machine keeps its own.
MARK = "tenantry-node"
MOST_KEYS = 2


def write_keys(home, node, keys, asked_path, forget=""):
    """Let exactly these keys in for this node; lines of others stay. Return the file.

    Args:
        asked_path: the file, or nothing for the user's own.
        forget: a key whose lines go too: the one-time credential.

    Raises:
        ValueError: a key or the home holds a sign that may not stand there.
    """
    if not 1 <= len(keys) <= MOST_KEYS:
        raise ValueError(f"one or {MOST_KEYS} keys are let in")
    path = Path(os.path.expanduser(asked_path or "~/.ssh/authorized_keys"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = f"{sys.executable} {home.agent} session {home.path}"
    if '"' in command or any("\n" in key or "\r" in key for key in keys):
        raise ValueError("the home or the key holds a sign that may not stand there")
    mark = f"{MARK}:{node}"
    ours = ['restrict,command="{}" {} {}'.format(command, key, mark) for key in keys]
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [one for one in lines if not one.endswith(" " + mark)]
    if forget:
        kept = [one for one in kept if forget not in one]
    content = "\n".join([*kept, *ours, ""])
    if not path.exists() or path.read_text() != content:
        write_bytes(path, content.encode(), 0o600)
    return path
