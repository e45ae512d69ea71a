"""A report as an honest agent sends it, to be changed by tests."""

import hashlib
import json
from typing import Any

# What an agent leaves out of the hash that names the rest.
UNHASHED = {"fence", "epoch", "position", "samples"}


def a_partition(**changes: Any) -> dict[str, Any]:
    return {
        "name": "p0",
        "instance_uid": "I-1",
        "generation": 1,
        "state": "started",
        "reason": "",
        "since": "2026-11-01T12:00:00+00:00",
        "connection": {"url": "http://127.0.0.1:21000/"},
        "promises": [{"name": "it answers", "ok": True, "message": "answered 200"}],
        "log_tail": "",
    } | changes


def a_release(**changes: Any) -> dict[str, Any]:
    return {"uid": "r1", "state": "ready", "reason": "", "log_tail": ""} | changes


def a_report(**changes: Any) -> dict[str, Any]:
    content = {
        "format": "tenantry.report/1",
        "node": "N-1",
        "agent_version": "v",
        "boot_id": "b",
        "revision": "rev",
        "revision_applied": "rev",
        "fence": 1,
        "releases": [a_release()],
        "partitions": [a_partition()],
        "events": [],
        "facts": {"cpus": 2, "privileged": True, "os": "Debian"},
        "epoch": "e",
        "position": 0,
        "samples": [],
    } | changes
    told = {name: value for name, value in content.items() if name not in UNHASHED}
    text = json.dumps(told, sort_keys=True)
    return {"state_hash": hashlib.sha256(text.encode()).hexdigest()} | content
