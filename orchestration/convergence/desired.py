"""The document that goes down to a node: facts in, document out; pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = "tenantry.desired/1"


@dataclass(frozen=True, slots=True)
class Slot:
    """A partition and what should run in it; `instance` is None when it should be empty."""

    name: str
    address: str
    address6: str | None
    port_first: int
    port_count: int
    instance: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """A release that the slots need."""

    uid: str
    name: str
    version: str
    profile: Mapping[str, Any] = field(default_factory=dict)


def build(
    *,
    node: str,
    slots: Sequence[Slot],
    releases: Sequence[Release],
    metering_seconds: int,
    store: Mapping[str, Any] | None = None,
    witness: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the whole document; `revision` is the SHA-256 of all the rest.

    Args:
        store: what the node keeps of others' backups.
        witness: which other nodes it is to try to reach.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "node": node,
        "metering": {"interval_seconds": metering_seconds},
        "releases": [
            {
                "uid": release.uid,
                "name": release.name,
                "version": release.version,
                "profile": release.profile,
            }
            for release in sorted(releases, key=lambda release: release.uid)
        ],
        "partitions": [
            {
                "name": slot.name,
                "address": slot.address,
                "address6": slot.address6,
                "port_first": slot.port_first,
                "port_count": slot.port_count,
                "instance": slot.instance,
            }
            for slot in sorted(slots, key=lambda slot: slot.name)
        ],
    }
    if store:
        content["store"] = dict(store)
    if witness:
        content["witness"] = [dict(one) for one in witness]
    return content | {"revision": revision_of(content)}


def revision_of(content: Mapping[str, Any]) -> str:
    """Return the name of the content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
