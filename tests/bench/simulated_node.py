"""A node that speaks the real documents, without a machine behind it."""

import hashlib
import itertools
import json
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestration.node_agent.bundle import version

METERS = (("cpu_seconds", "s"), ("memory_gib_hours", "GiB.h"), ("disk_gib_hours", "GiB.h"))


class SimulatedNode:
    """The session with a node that does at once what it is told; every line is real JSON."""

    is_open = True

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"revision": "", "partitions": [], "releases": []}
        self.samples: list[dict[str, Any]] = []
        self.numbers = itertools.count(1)
        self.line = ""
        self.epoch = uuid.uuid4().hex

    def close(self) -> None:
        """Nothing is held."""

    def measure(self, at: datetime) -> None:
        """Spool a sample per instance and meter, as every ten seconds on a node."""
        since = (at - timedelta(seconds=10)).isoformat()
        for slot in self.document["partitions"]:
            for meter, unit in METERS if slot["instance"] else ():
                self.samples.append(
                    {
                        "seq": next(self.numbers), "partition": slot["name"],
                        "instance_uid": slot["instance"]["uid"], "meter": meter, "unit": unit,
                        "value": "0.123456789", "accuracy": "cgroup v2",
                        "from": since, "to": at.isoformat(),
                    }
                )  # fmt: skip

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a message."""
        self.say(message)
        return self.hear()

    def say(self, message: Mapping[str, Any]) -> None:
        """Take a message."""
        self.line = json.dumps(message)

    def hear(self, *, seconds: float = 0.0) -> dict[str, Any]:
        """Answer it."""
        answer: dict[str, Any] = json.loads(json.dumps(self._answer(json.loads(self.line))))
        return answer

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        if message["op"] == "desired":
            self.document = message["document"]
        if message["op"] != "poll":
            return {"op": "accepted"}
        if message["revision"] != self.document["revision"]:
            return {"op": "want", "want": ["desired"]}
        acknowledged = message["acked"]["seq"]
        self.samples = [sample for sample in self.samples if sample["seq"] > acknowledged]
        report = self._report()
        if report["state_hash"] == message["seen"] and not report["samples"]:
            return {"op": "same", "revision": report["revision"], "position": report["position"]}
        return {"op": "report", "report": report}

    def _report(self) -> dict[str, Any]:
        revision = self.document["revision"]
        content = {
            "format": "tenantry.report/1", "node": self.document["node"],
            "agent_version": version(), "boot_id": "simulated", "fence": 1,
            "revision": revision, "revision_applied": revision, "events": [],
            "facts": {"privileged": True, "memory_bytes": 2**36},
            "releases": [
                {"uid": one["uid"], "state": "ready", "reason": "", "log_tail": ""}
                for one in self.document["releases"]
            ],
            "partitions": [_found(slot) for slot in self.document["partitions"]],
        }  # fmt: skip
        told = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        position = self.samples[-1]["seq"] if self.samples else 0
        spool = {"epoch": self.epoch, "position": position, "samples": self.samples}
        return content | spool | {"state_hash": told}


def _found(slot: Mapping[str, Any]) -> dict[str, Any]:
    instance = slot["instance"] or {"uid": "", "generation": 0, "requested_state": "empty"}
    return {
        "name": slot["name"], "instance_uid": instance["uid"],
        "generation": instance["generation"], "state": instance["requested_state"],
        "reason": "", "since": "2026-11-01T12:00:00+00:00", "log_tail": "",
        "connection": {"url": f"http://{slot['address']}:{slot['port_first']}/"},
        "promises": [{"name": "it answers", "ok": True, "message": "answered 200"}],
    }  # fmt: skip
